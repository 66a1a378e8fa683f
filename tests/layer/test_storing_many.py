"""Many records at once: in which transactions they go, and what is known of each when the store fails."""

import json
import os
from threading import Barrier, Event, Lock
from typing import Any

import pytest
from botocore.exceptions import ClientError

from expunge.deadline import Deadline
from expunge.errors import OutOfTime, StoreError, Throttled, Unavailable
from expunge.table import storing as storing_module
from expunge.table.store import Store
from expunge.table.storing import MAX_BYTES, Outcome, store_all
from tests.layer.stored import channel, inbound, linked, put, storing, table
from tests.world import World, message_id


@pytest.fixture(autouse=True, params=[False, True], ids=["updated", "inserted first"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds for records holds for both ways in which they may be stored."""
    monkeypatch.setattr(store_all, "__kwdefaults__", {"new": request.param})


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
    first, written = Lock(), Event()
    failed: set[str] = set()

    def fail(**arguments: Any) -> Any:
        if first.acquire(blocking=False):
            answer = write(**arguments)
            written.set()
            return answer
        written.wait()
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
