import json
from hashlib import sha256
from typing import Any

import pytest

from cli.main import run
from delete_inbound_messages import handler
from expunge import timestamps
from expunge.http import auth
from expunge.table import keys
from expunge.table.items import key_id
from tests.world import ACCOUNT, World, call

SCOPES = (
    "'inbound:delete', 'pull:delete', 'outbound:delete', 'messages:delete', 'deletions:read',"
    " 'deletions:restore'"
)

Captured = pytest.CaptureFixture[str]


def key(capsys: Captured, *arguments: str) -> list[dict[str, Any]]:
    """The lines that a command prints."""
    assert run(["key", *arguments, "--account", ACCOUNT, "--dynamodb-url", "aws"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return [json.loads(line) for line in out.splitlines()]


def status(secret: str) -> int:
    auth.forget()
    return call(handler, headers={"authorization": f"Bearer {secret}"}).status


def test_a_new_key_works_and_is_nowhere_in_the_table(world: World, capsys: Captured) -> None:
    [made] = key(capsys, "create")

    assert made["key"].startswith("hb_live_")
    assert made["key_id"] == key_id(made["key"])
    assert status(made["key"]) == 200
    [item] = world.store.client.scan(TableName=world.store.table)["Items"]
    assert made["key"] not in str(item)
    assert item["pk"]["S"] == keys.api_key(sha256(made["key"].encode()).hexdigest())


@pytest.mark.usefixtures("world")
def test_no_two_keys_are_the_same(capsys: Captured) -> None:
    made = [key(capsys, "create")[0] for _ in range(3)]

    assert len({each["key"] for each in made}) == 3
    assert len({each["key_id"] for each in made}) == 3


@pytest.mark.usefixtures("world")
def test_a_key_may_do_what_its_scopes_say(capsys: Captured) -> None:
    [inbound] = key(capsys, "create", "--scope", "inbound:delete", "--scope", "pull:delete")
    [messages] = key(capsys, "create", "--scope", "messages:delete")

    assert status(inbound["key"]) == 200
    assert status(messages["key"]) == 403


@pytest.mark.usefixtures("world")
def test_a_key_ends_when_it_says(capsys: Captured) -> None:
    [ended] = key(capsys, "create", "--expires-at", "2026-01-01T01:00:00+01:00")
    [lasting] = key(capsys, "create", "--expires-at", "9999-01-01T00:00:00Z")

    assert status(ended["key"]) == 401
    assert status(lasting["key"]) == 200


def test_an_accounts_keys_are_listed_without_the_keys(world: World, capsys: Captured) -> None:
    world.api_key("hb_other", account_id="acc_2")
    [plain] = key(capsys, "create")
    [limited] = key(capsys, "create", "--scope", "pull:delete", "--expires-at", "2027-01-01T01:00:00+01:00")

    listed = {line["key_id"]: line for line in key(capsys, "list")}
    assert listed == {
        plain["key_id"]: {"key_id": plain["key_id"]},
        limited["key_id"]: {
            "key_id": limited["key_id"],
            "scopes": ["pull:delete"],
            "expires_at": "2027-01-01T00:00:00.000000Z",
        },
    }


def test_keys_that_were_loaded_are_listed_as_well(world: World, capsys: Captured) -> None:
    world.api_key("hb_loaded")

    assert key(capsys, "list") == [{"key_id": key_id("hb_loaded")}]


@pytest.mark.usefixtures("world")
def test_an_account_without_keys_has_an_empty_list(capsys: Captured) -> None:
    assert key(capsys, "list") == []


@pytest.mark.usefixtures("world")
def test_a_revoked_key_works_no_more_and_the_others_do(capsys: Captured) -> None:
    [old], [new] = key(capsys, "create"), key(capsys, "create")
    before = timestamps.millis(timestamps.now())

    [revoked] = key(capsys, "revoke", old["key_id"])

    assert revoked["key_id"] == old["key_id"]
    assert before <= revoked["revoked_at"] <= timestamps.millis(timestamps.now())
    assert (status(old["key"]), status(new["key"])) == (401, 200)
    assert revoked in key(capsys, "list")


@pytest.mark.usefixtures("world")
def test_revoking_again_keeps_the_first_time(capsys: Captured) -> None:
    [made] = key(capsys, "create")
    first = key(capsys, "revoke", made["key_id"])

    assert key(capsys, "revoke", made["key_id"]) == first


def test_the_key_of_another_account_cannot_be_revoked(world: World, capsys: Captured) -> None:
    world.api_key("hb_other", account_id="acc_2")
    theirs = key_id("hb_other")

    assert run(["key", "revoke", theirs, "--account", ACCOUNT, "--dynamodb-url", "aws"]) == 1
    assert capsys.readouterr() == ("", f"expunge: the account 'acc_1' has no key with the id '{theirs}'\n")
    assert status("hb_other") == 200


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["create"], "Missing option '--account'."),
        (["create", "--account", "a b"], "account_id must be 1 to 64 letters, digits, _ or -."),
        (
            ["create", "--account", "a", "--expires-at", "tomorrow"],
            "expires_at must be an RFC 3339 time with an offset, such as 2026-04-05T14:23:11Z.",
        ),
        (
            ["create", "--account", "a", "--scope", "all"],
            f"Invalid value for '--scope': 'all' is not one of {SCOPES}.",
        ),
        (["revoke", "--account", "a"], "Missing argument 'KEY_ID'."),
        (["forge", "--account", "a"], "No such command 'forge'."),
    ],
)
def test_wrong_use_is_exit_status_2_and_a_sentence(
    capsys: Captured, arguments: list[str], complaint: str
) -> None:
    assert run(["key", *arguments]) == 2
    assert capsys.readouterr() == ("", f"expunge: {complaint}\n")


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("arguments", [["create"], ["list"], ["revoke", "key_1"]])
def test_a_table_that_is_not_there_is_named_as_the_reason(capsys: Captured, arguments: list[str]) -> None:
    assert run(["key", *arguments, "--account", "a", "--dynamodb-url", "aws", "--table", "missing"]) == 1
    reason = "the table is not there; `expunge serve` and `sam deploy` create it, --table names another"
    assert capsys.readouterr() == ("", f"expunge: {reason}\n")
