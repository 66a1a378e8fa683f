"""Keysets, auth grants and messages of channels in the import format."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.dump import dump_lines
from cli.load import load_files
from expunge.table.records import BadLine, parse
from tests.cli.loading import KEYSET
from tests.world import World

GRANT: dict[str, Any] = {
    "kind": "auth_grant",
    "sub_key": "sub-c-1",
    "auth_key": "key-1",
    "channels": ["ch1", "a b", "ch1"],
    "permissions": ["delete"],
    "expires_at": "2027-01-01T00:00:00Z",
}
MESSAGE: dict[str, Any] = {
    "kind": "channel_message",
    "sub_key": "sub-c-1",
    "channel": "a#b \N{PARTY POPPER}",
    "timetoken": "0017000000000000000",
    "payload": {"text": "hello"},
}
DELETION = {
    "deleted_at": "2026-05-04T16:30:00.000Z",
    "deleted_by": "sub-c-1",
    "delete_request_id": "req_1",
    "purge_at": "2026-06-03T16:30:00.000Z",
}
CHANNEL_RULE = "1 to 92 characters without a comma, not all of them blank"


@pytest.fixture
def load(world: World, tmp_path: Path) -> Any:
    def load(*records: dict[str, Any]) -> None:
        path = tmp_path / "records.jsonl"
        path.write_text("\n".join(json.dumps(record) for record in records))
        load_files(world.store.client, world.store.table, [path])

    return load


def dumped(world: World) -> list[dict[str, Any]]:
    return [json.loads(line) for line in dump_lines(world.store.client, world.store.table)]


def test_messages_come_back_as_they_went_in_and_neither_keysets_nor_grants_do(
    world: World, load: Any
) -> None:
    load(KEYSET, GRANT, MESSAGE)

    assert dumped(world) == [MESSAGE]


def test_a_timetoken_with_more_zeros_is_the_same_message(world: World, load: Any) -> None:
    load(MESSAGE)
    load(MESSAGE | {"timetoken": "17000000000000000"})

    assert dumped(world) == [MESSAGE | {"timetoken": "17000000000000000"}]


def test_loading_never_revives_a_deleted_message(world: World, load: Any) -> None:
    load(MESSAGE | DELETION)
    load(MESSAGE)

    assert dumped(world) == [MESSAGE | DELETION]


@pytest.mark.parametrize("deletion", [{}, DELETION])
def test_who_restored_a_message_and_when_comes_back_too(
    world: World, load: Any, deletion: dict[str, str]
) -> None:
    restored = {"restored_at": "2026-05-03T16:30:00.000Z", "restored_by": "operator"}
    load(MESSAGE | deletion | restored)

    assert dumped(world) == [MESSAGE | deletion | restored]
    [item] = world.items()
    assert item["state_pk"].startswith("BIN#" if deletion else "LIVE#")


def test_a_restore_without_its_author_is_a_bad_line() -> None:
    line = json.dumps(MESSAGE | {"restored_at": "2026-05-03T16:30:00.000Z"}).encode()
    with pytest.raises(BadLine) as error:
        parse(line)
    assert str(error.value) == (
        'channel_message lacks "restored_by", which goes with the other fields of a restore'
    )


def test_the_table_knows_an_auth_key_by_its_digest_only(world: World, load: Any) -> None:
    load(GRANT)

    items = world.store.client.scan(TableName="expunge")["Items"]
    assert len(items) == 2
    assert "key-1" not in str(items)


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (MESSAGE | {"timetoken": 17}, "timetoken must be a string of 1 to 19 digits: 100 ns since 1970"),
        (
            MESSAGE | {"timetoken": "1" * 20},
            "timetoken must be a string of 1 to 19 digits: 100 ns since 1970",
        ),
        (MESSAGE | {"timetoken": "-1"}, "timetoken must be a string of 1 to 19 digits: 100 ns since 1970"),
        (MESSAGE | {"channel": "a,b"}, f"channel must be {CHANNEL_RULE}"),
        (MESSAGE | {"channel": " "}, f"channel must be {CHANNEL_RULE}"),
        (MESSAGE | {"channel": "a" * 93}, f"channel must be {CHANNEL_RULE}"),
        (MESSAGE | {"sub_key": "a#b"}, "sub_key must be 1 to 128 letters, digits, _ or -"),
        (MESSAGE | {"account_id": "acc_1"}, 'channel_message has no field "account_id"'),
        (GRANT | {"channels": []}, f"channels must be a list of 1 to 100 names, each {CHANNEL_RULE}"),
        (GRANT | {"channels": ["a,b"]}, f"channels must be a list of 1 to 100 names, each {CHANNEL_RULE}"),
        (
            GRANT | {"permissions": ["destroy"]},
            "permissions must be a list of read, write, manage, delete, create, get, update, join",
        ),
        (GRANT | {"auth_key": ""}, "auth_key must be text of 1 to 256 characters"),
        (KEYSET | {"access_manager": "yes"}, "access_manager must be true or false"),
        ({**KEYSET, "delete_from_history": 1}, "delete_from_history must be true or false"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_in_one_sentence(record: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadLine) as raised:
        parse(json.dumps(record).encode())
    assert str(raised.value) == sentence


def test_a_record_does_not_show_its_secrets() -> None:
    for record, secret in ((KEYSET, "sec-c-1"), (GRANT, "key-1")):
        assert secret not in repr(parse(json.dumps(record).encode()))
