"""How records get into the table: conditionally, each with its content, many at once, in order."""

import json
import os
from threading import Barrier, Event, Lock
from typing import Any

import pytest
from botocore.exceptions import ClientError

from expunge.deadline import Deadline
from expunge.errors import OutOfTime, StoreError, Throttled, Unavailable
from expunge.table import keys
from expunge.table import storing as storing_module
from expunge.table.records import parse
from expunge.table.store import Store
from expunge.table.storing import MAX_BYTES, Outcome, Storing, store_all
from tests.world import INBOUND, LINKED, World, at, message_id

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


def inbound(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "inbound_message",
        "account_id": "acc_1",
        "id": message_id(number),
        "inbound_endpoint_id": INBOUND,
        "status": "queued",
        "received_at": at(number),
    } | fields


def linked(**fields: Any) -> dict[str, Any]:
    return {
        "kind": "linked_message",
        "account_id": "acc_1",
        "id": LINKED,
        "linked_account_id": "la_1",
        "provider_message_id": "wamid.1",
        "sent_at": at(0),
    } | fields


def channel(timetoken: int, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "channel_message",
        "sub_key": "sub-c-1",
        "channel": "ch1",
        "timetoken": str(timetoken),
    } | fields


def storing(*records: dict[str, Any]) -> list[Storing]:
    return [Storing.of(parse(json.dumps(record).encode())) for record in records]


def put(world: World, *records: dict[str, Any]) -> list[Outcome]:
    rows = storing(*records)
    store_all(world.store, rows, Deadline.never())
    return [row.outcome for row in rows]


def table(world: World) -> list[Any]:
    items: Any = world.store.client.scan(TableName=world.store.table)["Items"]
    return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


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


def failure(code: str) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(response, "TransactWriteItems")


@pytest.mark.parametrize(
    ("code", "error"), [("ThrottlingException", Throttled), ("AccessDeniedException", Unavailable)]
)
def test_when_the_store_fails_what_was_stored_is_known(
    world: World, monkeypatch: pytest.MonkeyPatch, code: str, error: type[StoreError]
) -> None:
    write: Any = world.store.client.transact_write_items
    first = Lock()
    failed: set[str] = set()

    def fail(**arguments: Any) -> Any:
        if first.acquire(blocking=False):
            return write(**arguments)
        failed.add(arguments["ClientRequestToken"])
        raise failure(code)

    # Four transactions at once: one is written, and when each of the others has failed their time is over.
    patience = Deadline(lambda: 24_000 if len(failed) < 3 else 0)
    monkeypatch.setattr(world.store.client, "transact_write_items", fail)
    monkeypatch.setattr(storing_module, "LIMIT", 4)
    rows = storing(*(inbound(n) for n in range(8)))
    with pytest.raises(error):
        store_all(world.store, rows, Deadline.never(), patience=lambda: patience)
    stored = {item["id"]["S"] for item in table(world)}
    known = {message_id(n) for n, row in enumerate(rows) if row.outcome is Outcome.STORED}
    assert known == stored
    assert len(stored) == 2


class Elephant:
    """A store that takes every transaction and holds it against what DynamoDB admits."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.writing: set[tuple[str, str]] = set()
        self.written: list[list[Any]] = []
        self.overtaken = Event()

    def transact_write_items(self, **arguments: Any) -> None:
        requests = [request for entry in arguments["TransactItems"] for request in entry.values()]
        places = [request.get("Item") or request["Key"] for request in requests]
        touched = [(place["pk"]["S"], place["sk"]["S"]) for place in places]
        with self.lock:
            assert len(touched) == len(set(touched)) <= 100
            if not self.writing.isdisjoint(touched):
                self.overtaken.set()
            payloads = [request.get("Item", {}).get("payload", {}).get("B", b"") for request in requests]
            assert sum(map(len, payloads)) <= MAX_BYTES
            self.writing.update(touched)
        # The first takes its time, so that another of the same items would meet it here.
        if not self.written:
            self.overtaken.wait(0.2)
        with self.lock:
            self.written.append(requests)
            self.writing.difference_update(touched)


@pytest.fixture
def elephant(world: World, monkeypatch: pytest.MonkeyPatch) -> Elephant:
    elephant = Elephant()
    monkeypatch.setattr(world.store.client, "transact_write_items", elephant.transact_write_items)
    return elephant


def test_four_transactions_are_on_their_way_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    together = Barrier(4)
    monkeypatch.setattr(world.store.client, "transact_write_items", lambda **_: together.wait(5))
    rows = storing(*(inbound(number) for number in range(200)))

    store_all(world.store, rows, Deadline.never())

    assert {row.outcome for row in rows} == {Outcome.STORED}


def test_a_store_that_hangs_holds_up_nobody_when_the_time_is_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, ended = Event(), Event()

    def hang(**_: Any) -> None:
        may_end.wait(5)
        ended.set()

    monkeypatch.setattr(world.store.client, "transact_write_items", hang)
    [row] = storing(inbound(1))

    with pytest.raises(OutOfTime):
        store_all(world.store, [row], Deadline(lambda: 0), patience=Deadline.never)

    assert not ended.is_set()
    assert row.outcome is Outcome.OPEN
    may_end.set()


def test_a_hundred_messages_take_two_calls_and_are_told_as_they_land(
    store: Store, elephant: Elephant
) -> None:
    told: list[int] = []
    rows = storing(*(inbound(n, payload=n) for n in range(101)))
    store_all(store, rows, Deadline.never(), lambda some: told.append(len(some)))
    assert sorted(map(len, elephant.written)) == [2, 100, 100]
    assert sorted(told) == [1, 50, 50]
    assert {row.outcome for row in rows} == {Outcome.STORED}


def test_transactions_stay_within_the_limits_and_keep_the_order_of_equal_keys(
    store: Store, elephant: Elephant
) -> None:
    records = [inbound(n % 60, status=status) for status in ("queued", "succeeded") for n in range(500)]
    store_all(store, storing(*records), Deadline.never(), new=False)
    final = {
        request["Key"]["pk"]["S"]: request["ExpressionAttributeValues"][":status"]["S"]
        for requests in elephant.written
        for request in requests
        if ":status" in request.get("ExpressionAttributeValues", {})
    }
    assert list(final.values()) == ["succeeded"] * 60
    assert not elephant.overtaken.is_set()
    assert sum(map(len, elephant.written)) == 2 * 1000


def test_large_contents_make_short_transactions(store: Store, elephant: Elephant) -> None:
    noise = [os.urandom(170_000).hex() for _ in range(20)]
    rows = storing(*(inbound(n, payload=text) for n, text in enumerate(noise)))
    store_all(store, rows, Deadline.never())
    assert sum(map(len, elephant.written)) == 40
    assert len(elephant.written) > 1


@pytest.fixture
def store(world: World) -> Store:
    return world.store


def test_records_are_inserted_until_one_proves_to_be_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing_module, "AT_ONCE", 1)
    monkeypatch.setattr(storing_module, "LIMIT", 4)
    put(world, inbound(3))
    sent: list[list[str]] = []
    real = world.store.client.transact_write_items

    def noted(**arguments: Any) -> Any:
        sent.append([next(iter(entry)) for entry in arguments["TransactItems"]])
        return real(**arguments)

    monkeypatch.setattr(world.store.client, "transact_write_items", noted)
    rows = storing(*(inbound(number) for number in range(6)))
    store_all(world.store, rows, Deadline.never(), new=True)

    assert {row.outcome for row in rows} == {Outcome.STORED}
    assert sent == [
        ["Put", "Delete", "Put", "Delete"],
        ["Put", "Delete", "Put", "Delete"],
        ["Put", "Delete"],  # without the one that is there
        ["Update", "Delete"],
        ["Update", "Delete", "Update", "Delete"],
    ]


def test_a_record_that_is_never_taken_settles_no_other_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one transaction DynamoDB refuses one record's condition and can never take another."""
    put(world, inbound(1, version=1))
    real = world.store.client.transact_write_items
    outcomes: list[list[Outcome]] = []

    def transact(**arguments: Any) -> Any:
        texts = [json.dumps(entry, default=repr) for entry in arguments["TransactItems"]]
        if not any(message_id(9) in text for text in texts):
            return real(**arguments)
        code = {True: "ValidationError", False: "None"}
        reasons = [{"Code": code[message_id(9) in text]} for text in texts]
        if message_id(1) in texts[0] and "attribute_not_exists(pk)" in texts[0]:
            reasons[0] = {"Code": "ConditionalCheckFailed"}
        response: Any = {
            "Error": {"Code": "TransactionCanceledException"},
            "ResponseMetadata": {"HTTPStatusCode": 400},
            "CancellationReasons": reasons,
        }
        raise ClientError(response, "TransactWriteItems")

    monkeypatch.setattr(world.store.client, "transact_write_items", transact)
    rows = storing(inbound(1, version=2), inbound(2), inbound(9), inbound(3))
    with pytest.raises(Unavailable, match="ValidationError"):
        store_all(
            world.store, rows, Deadline.never(), lambda some: outcomes.append([r.outcome for r in some])
        )

    assert [row.outcome for row in rows] == [Outcome.STORED, Outcome.STORED, Outcome.OPEN, Outcome.STORED]
    assert outcomes == [[Outcome.STORED] * 3]


def test_an_inserted_message_is_as_an_updated_one(world: World) -> None:
    records = [inbound(1, payload={"a": 1}, version=3), linked(), channel(17_000_000_000_000_000)]
    found = []
    for new in (True, False):
        store_all(world.store, storing(*records), Deadline.never(), new=new)
        found.append([{k: v for k, v in item.items() if k != "stored_at"} for item in table(world)])
        for item in table(world):
            world.store.client.delete_item(
                TableName=world.store.table, Key={name: item[name] for name in ("pk", "sk")}
            )

    assert found[0] == found[1] != []
