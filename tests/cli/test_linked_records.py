"""Linked accounts and their messages in the import format."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.dump import dump_lines
from cli.load import load_files
from expunge.problems import CATALOGUE
from expunge.table.records import BadLine, LinkedAccount, parse
from tests.world import World

ACCOUNT: dict[str, Any] = {
    "kind": "linked_account",
    "account_id": "acc_1",
    "id": "la_1",
    "provider": "LINKEDIN",
    "state": "connected",
}
MESSAGE: dict[str, Any] = {
    "kind": "linked_message",
    "account_id": "acc_1",
    "id": "msg_01HXYZ4QK3WJ8FN3M6QH7TZ8GR",
    "linked_account_id": "la_1",
    "provider_message_id": "urn:li:msg:(1,2-B==)",
    "sent_at": "2026-05-04T18:20:00.5+02:00",
    "payload": {"text": "hello"},
}
DELETED = MESSAGE | {
    "deleted_at": "2026-05-04T16:30:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2026-05-04T16:30:00.000Z",
}


def without_payload(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "payload"}


@pytest.fixture
def load(world: World, tmp_path: Path) -> Any:
    def load(*records: dict[str, Any]) -> str:
        path = tmp_path / "records.jsonl"
        path.write_text("\n".join(json.dumps(record) for record in records))
        return str(load_files(world.store.client, world.store.table, [path]))

    return load


def dumped(world: World, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in dump_lines(world.store.client, world.store.table, **options)]


def test_a_live_message_comes_back_as_it_went_in(world: World, load: Any) -> None:
    load(ACCOUNT, MESSAGE)

    assert dumped(world) == [MESSAGE]
    assert dumped(world, kind="linked_message", state="deleted") == []


def test_a_live_message_is_in_no_index(world: World, load: Any) -> None:
    load(MESSAGE)

    [item] = world.items()
    assert not {"state_pk", "state_sk"} & set(item)


def test_a_deleted_message_is_loaded_as_deleted_for_good_without_its_content(world: World, load: Any) -> None:
    load(DELETED)

    assert dumped(world) == [without_payload(DELETED)]
    assert world.deleted() == {MESSAGE["id"]}
    [item] = world.items()
    assert item["erased_at"] == item["deleted_at"]


def test_loading_again_revives_neither_message_nor_content(world: World, load: Any) -> None:
    load(DELETED)

    assert load(MESSAGE) == "loaded 1 record: 1 linked_message; 1 already deleted, left as they are"
    assert dumped(world) == [without_payload(DELETED)]


def test_an_account_is_connected_unless_it_says_otherwise() -> None:
    record = dict(ACCOUNT)
    del record["state"]

    parsed = parse(json.dumps(record).encode())

    assert isinstance(parsed, LinkedAccount)
    assert parsed.state == "connected"


def test_every_type_of_the_catalogue_is_a_state() -> None:
    for state in CATALOGUE:
        assert parse(json.dumps(ACCOUNT | {"state": state}).encode()).kind == "linked_account"


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (
            ACCOUNT | {"state": "asleep"},
            "state must be connected or one of the API's error types, such as disconnected_account",
        ),
        (
            ACCOUNT | {"provider": ""},
            "provider must be 1 to 256 printable ASCII characters without blanks",
        ),
        (ACCOUNT | {"payload": 1}, 'linked_account has no field "payload"'),
        (
            MESSAGE | {"id": "msg_01hxyz4qk3wj8fn3m6qh7tz8gr"},
            "id must be msg_ and 26 characters of Crockford's base32 in capitals",
        ),
        (
            MESSAGE | {"id": "msg_01HXYZ4QK3WJ8FN3M6QH7TZ8GU"},
            "id must be msg_ and 26 characters of Crockford's base32 in capitals",
        ),
        (
            MESSAGE | {"sent_at": "2026-05-04"},
            "sent_at must be an RFC 3339 time with an offset, such as 2026-04-05T14:23:11Z",
        ),
        (MESSAGE | {"status": "sent"}, 'linked_message has no field "status"'),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(record: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadLine) as error:
        parse(json.dumps(record).encode())
    assert str(error.value) == sentence
