"""How a record gets into the table: under which conditions, and beside what is there."""

from typing import Any

import pytest

from expunge.table import keys
from expunge.table.storing import Outcome, store_all
from tests.layer.stored import channel, inbound, linked, put, table
from tests.world import World, at, message_id

DELETION = {
    "deleted_at": "2026-05-01T00:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2026-05-31T00:00:00.000Z",
}


@pytest.fixture(autouse=True, params=[False, True], ids=["updated", "inserted first"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds for records holds for both ways in which they may be stored."""
    monkeypatch.setattr(store_all, "__kwdefaults__", {"new": request.param})


def change(world: World, expression: str, **values: Any) -> None:
    """What the service does to the only message there is."""
    [metadata] = [item for item in table(world) if item["sk"]["S"] == keys.MESSAGE]
    world.store.client.update_item(
        TableName=world.store.table,
        Key={name: metadata[name] for name in ("pk", "sk")},
        UpdateExpression=expression,
        ExpressionAttributeValues={f":{name}": {"S": value} for name, value in values.items()},
    )


@pytest.mark.parametrize("record", [inbound(1, payload=1), linked(payload=1), channel(1, payload=1)])
def test_the_same_again_changes_nothing(world: World, record: dict[str, Any]) -> None:
    assert put(world, record) == [Outcome.STORED]
    before = table(world)
    assert put(world, record) == [Outcome.STORED]
    assert table(world) == before


@pytest.mark.parametrize("flag", ["deleted_at", "purged_at"])
def test_neither_a_deleted_nor_a_purged_message_is_revived(world: World, flag: str) -> None:
    put(world, inbound(1, payload="old"))
    change(world, f"SET {flag} = :now", now=at(0))
    before = table(world)
    assert put(world, inbound(1, payload="new", version=9)) == [Outcome.DELETED]
    assert table(world) == before


def test_a_deleted_message_is_told_as_deleted_whatever_its_version(world: World) -> None:
    put(world, inbound(1, version=5, **DELETION))

    assert put(world, inbound(1, version=4)) == [Outcome.DELETED]
    assert put(world, inbound(1, version=6)) == [Outcome.DELETED]


@pytest.mark.parametrize(
    ("stored", "coming", "outcome"),
    [
        (None, 0, Outcome.STORED),
        (1, 2, Outcome.STORED),
        (9, 10, Outcome.STORED),
        (2**63 - 2, 2**63 - 1, Outcome.STORED),
        (2**63 - 1, 2**63 - 2, Outcome.OUTDATED),
        (1, 1, Outcome.OUTDATED),
        (2, 1, Outcome.OUTDATED),
        (10, 9, Outcome.OUTDATED),
        (0, None, Outcome.OUTDATED),
    ],
)
def test_only_a_higher_version_replaces_a_message(
    world: World, stored: int | None, coming: int | None, outcome: Outcome
) -> None:
    def version(number: int | None) -> dict[str, int]:
        return {} if number is None else {"version": number}

    put(world, inbound(1, payload="old", **version(stored)))
    before = table(world)
    assert put(world, inbound(1, payload="new", status="succeeded", **version(coming))) == [outcome]
    assert (table(world) == before) == (outcome is Outcome.OUTDATED)


def test_a_message_that_was_restored_stays_so_when_it_is_put_again(world: World) -> None:
    put(world, inbound(1))
    change(
        world,
        "SET restored_at = :at, restored_by = :by, restored_from = :deletion, restored_request_id = :request",
        at=at(0),
        by="operator",
        deletion="req_1",
        request="req_2",
    )
    before = table(world)
    assert put(world, inbound(1, status="succeeded")) == [Outcome.STORED]
    places = {"status", "state_pk", "group_pk"}
    assert [{name: item[name] for name in set(item) - places} for item in (*before, *table(world))] == 2 * [
        {name: before[0][name] for name in set(before[0]) - places}
    ]


def test_a_message_that_is_being_deleted_stays_claimed_when_it_is_put_again(world: World) -> None:
    put(world, linked(payload="old"))
    change(world, "SET claim_id = :claim, claim_until = :until", claim="c1", until=at(0))
    put(world, linked(payload="new"))
    [_, metadata] = table(world)
    assert (metadata["claim_id"], metadata["claim_until"]) == ({"S": "c1"}, {"S": at(0)})


def test_a_channels_message_keeps_the_time_at_which_it_was_first_stored(world: World) -> None:
    put(world, channel(1))
    change(world, "SET stored_at = :long_ago", long_ago=at(0))
    put(world, channel(1, payload="edited"))
    [_, metadata] = table(world)
    assert metadata["stored_at"] == {"S": at(0)}


def test_a_record_with_flags_takes_a_living_message_out_of_the_indexes(world: World) -> None:
    put(world, inbound(1))
    assert put(world, inbound(1, **DELETION)) == [Outcome.STORED]
    assert world.deleted() == {message_id(1)}


def test_a_revoked_grant_stays_revoked(world: World) -> None:
    grant = {
        "kind": "auth_grant",
        "sub_key": "sub-c-1",
        "auth_key": "a",
        "channels": ["ch1"],
        "permissions": ["delete"],
    }
    put(world, grant)
    [item] = table(world)
    item["revoked_at"] = {"S": at(0)}
    world.store.client.put_item(TableName=world.store.table, Item=item)
    assert put(world, grant) == [Outcome.REVOKED]
    assert table(world) == [item]
