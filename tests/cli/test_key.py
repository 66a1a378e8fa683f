import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from cli.main import run
from delete_inbound_messages import handler
from expunge import timestamps
from expunge.deadline import Deadline
from expunge.http import auth
from expunge.table import keys
from expunge.table.items import key_id
from expunge.table.records import parse
from expunge.table.storing import Storing, store_all
from tests.world import ACCOUNT, World, call

SCOPES = (
    "'inbound:delete', 'pull:delete', 'outbound:delete', 'messages:delete', 'deletions:read',"
    " 'deletions:restore'"
)

Captured = pytest.CaptureFixture[str]


def key(capsys: Captured, command: str, *arguments: str) -> list[dict[str, Any]]:
    """The lines that a command prints."""
    of_account = ["--account", ACCOUNT] if command == "create" else []
    assert run(["key", command, *arguments, *of_account, "--dynamodb-url", "aws"]) == 0
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
    items = world.store.client.scan(TableName=world.store.table)["Items"]
    assert made["key"] not in str(items)
    assert keys.api_key(sha256(made["key"].encode()).hexdigest()) in [item["pk"]["S"] for item in items]


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
def test_a_key_ends_when_it_says(capsys: Captured, travel: Callable[[timedelta], None]) -> None:
    soon = timestamps.millis(timestamps.now() + timedelta(hours=1))
    [ending] = key(capsys, "create", "--expires-at", soon)
    [lasting] = key(capsys, "create", "--expires-at", "9999-01-01T00:00:00Z")
    assert status(ending["key"]) == 200

    travel(timedelta(hours=2))

    assert status(ending["key"]) == 401
    assert status(lasting["key"]) == 200


def test_a_key_that_has_ended_already_is_not_made(world: World, capsys: Captured) -> None:
    past = "2026-01-01T01:00:00+01:00"
    assert run(["key", "create", "--account", "a", "--expires-at", past, "--dynamodb-url", "aws"]) == 2
    sentence = f"Invalid value for '--expires-at': {past} has passed: the key could never be used."
    assert capsys.readouterr() == ("", f"expunge: {sentence}\n")
    assert world.store.client.scan(TableName=world.store.table)["Items"] == []


MADE_AT = "2026-11-23T12:00:00.000Z"


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands."""
    monkeypatch.setattr(timestamps, "now", lambda: timestamps.parse(MADE_AT))


@pytest.mark.usefixtures("noon")
def test_keys_are_listed_with_what_tells_them_apart_and_without_the_keys(
    world: World, capsys: Captured
) -> None:
    world.load({"kind": "api_key", "key": "hb_other", "account_id": "acc_2"})
    [plain] = key(capsys, "create")
    limits = ("--scope", "pull:delete", "--expires-at", "2027-01-01T01:00:00+01:00")
    [limited] = key(capsys, "create", "--label", "Zoë's cron job", *limits)

    listed = {line["key_id"]: line for line in key(capsys, "list")}
    of_account = {
        plain["key_id"]: {"key_id": plain["key_id"], "account_id": ACCOUNT, "created_at": MADE_AT},
        limited["key_id"]: {
            "key_id": limited["key_id"],
            "account_id": ACCOUNT,
            "label": "Zoë's cron job",
            "created_at": MADE_AT,
            "expires_at": "2027-01-01T00:00:00.000000Z",
            "scopes": ["pull:delete"],
        },
    }
    other = key_id("hb_other")
    theirs = {other: {"key_id": other, "account_id": "acc_2", "created_at": MADE_AT}}
    assert listed == of_account | theirs
    assert {line["key_id"]: line for line in key(capsys, "list", "--account", ACCOUNT)} == of_account
    assert key(capsys, "list", "--account", "acc_3") == []


def test_more_keys_than_a_read_takes_are_listed(world: World, capsys: Captured) -> None:
    for number in range(101):
        world.load({"kind": "api_key", "key": f"hb_{number}", "account_id": ACCOUNT})

    ids = [line["key_id"] for line in key(capsys, "list")]
    assert ids == sorted(key_id(f"hb_{number}") for number in range(101))


@pytest.mark.usefixtures("noon")
def test_loading_a_key_again_keeps_when_it_was_made_and_used(
    world: World, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    [made] = key(capsys, "create", "--label", "old")
    world.used(made["key"], "2026-11-23")
    monkeypatch.setattr(timestamps, "now", lambda: timestamps.parse("2026-12-24T00:00:00Z"))

    again = {"kind": "api_key", "key": made["key"], "account_id": ACCOUNT, "scopes": []}
    store_all(world.store, [Storing.of(parse(json.dumps(again).encode()))], Deadline.never())

    assert key(capsys, "list") == [
        {
            "key_id": made["key_id"],
            "account_id": ACCOUNT,
            "created_at": MADE_AT,
            "last_used_on": "2026-11-23",
            "scopes": [],
        }
    ]


@pytest.mark.usefixtures("world")
def test_a_table_without_keys_has_an_empty_list(capsys: Captured) -> None:
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
    [first] = key(capsys, "revoke", made["key_id"])

    assert run(["key", "revoke", made["key_id"], "--dynamodb-url", "aws"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == first
    assert err == f"expunge: the key has been revoked before, at {first['revoked_at']}\n"


def test_the_key_of_another_account_cannot_be_revoked(world: World, capsys: Captured) -> None:
    world.api_key("hb_other", account_id="acc_2")
    theirs = key_id("hb_other")

    assert run(["key", "revoke", theirs, "--account", ACCOUNT, "--dynamodb-url", "aws"]) == 1
    rest = "no key with that id; `expunge key list` shows those there are\n"
    assert capsys.readouterr() == ("", f"expunge: the account 'acc_1' has {rest}")
    assert status("hb_other") == 200
    assert run(["key", "revoke", theirs, "--account", "acc_2", "--dynamodb-url", "aws"]) == 0
    assert status("hb_other") == 401


@pytest.mark.usefixtures("world")
def test_a_key_that_is_not_there_cannot_be_revoked(capsys: Captured) -> None:
    assert run(["key", "revoke", "key_1", "--dynamodb-url", "aws"]) == 1
    rest = "no key with that id; `expunge key list` shows those there are\n"
    assert capsys.readouterr() == ("", f"expunge: there is {rest}")


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["create"], "Missing option '--account'. See `expunge key create --help`."),
        (["create", "--account", "a b"], "--account must be 1 to 64 letters, digits, _ or -."),
        (
            ["create", "--account", "a", "--expires-at", "tomorrow"],
            "--expires-at must be an RFC 3339 time with an offset, such as 2026-04-05T14:23:11Z.",
        ),
        (
            ["create", "--account", "a", "--scope", "all"],
            f"Invalid value for '--scope': 'all' is not one of {SCOPES}.",
        ),
        (
            ["create", "--account", "a", "--label", "x" * 257],
            "--label must be text of at most 256 characters.",
        ),
        (["revoke"], "Missing argument 'KEY_ID'. See `expunge key revoke --help`."),
        (["forge"], "No such command 'forge'. See `expunge key --help`."),
        (["lst"], "No such command 'lst'. Did you mean 'list'? See `expunge key --help`."),
    ],
)
def test_wrong_use_is_exit_status_2_and_a_sentence(
    capsys: Captured, arguments: list[str], complaint: str
) -> None:
    assert run(["key", *arguments]) == 2
    assert capsys.readouterr() == ("", f"expunge: {complaint}\n")


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("arguments", [["create", "--account", "a"], ["list"], ["revoke", "key_1"]])
def test_a_table_that_is_not_there_is_named_as_the_reason(capsys: Captured, arguments: list[str]) -> None:
    assert run(["key", *arguments, "--dynamodb-url", "aws", "--table", "missing"]) == 1
    reason = "the table is not there; `expunge serve` and `sam deploy` create it, --table names another"
    assert capsys.readouterr() == ("", f"expunge: {reason}\n")
