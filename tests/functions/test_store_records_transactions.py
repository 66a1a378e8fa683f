"""In which transactions records are stored, and what becomes of those that the store does not take."""

import json
import tracemalloc
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from expunge.table.store import store
from expunge.table.storing import MAX_BYTES
from store_records import handler
from tests.failing import refusal
from tests.functions.queued import Logged, body, failed, send, stored
from tests.layer.stored import inbound
from tests.world import Context, RunningOut, World, message_id

if TYPE_CHECKING:
    from collections.abc import Callable


class Transactions:
    """The store's transactions, which can be counted and made to fail."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.fail: Callable[[str], str | None] = lambda _text: None
        self.fail_by_size = 101
        self.pretend = False
        lock = Lock()
        write = store().client.transact_write_items

        def transact(**arguments: Any) -> Any:
            self.sizes.append(len(arguments["TransactItems"]))
            texts = [json.dumps(entry, default=repr) for entry in arguments["TransactItems"]]
            codes = [self.fail(text) for text in texts]
            if len(texts) >= self.fail_by_size:
                codes[0] = "ValidationException"
            code = next(filter(None, codes), None)
            if code is not None:
                reasons = [{"Code": "ValidationError" if each else "None"} for each in codes]
                cancelled = code == "TransactionCanceledException"
                fields: Any = {"CancellationReasons": reasons} if cancelled else {}
                raise refusal(code, **fields)
            with lock:  # moto takes one at a time
                return None if self.pretend else write(**arguments)

        patch.setattr(store().client, "transact_write_items", transact)


@pytest.fixture
def transactions(world: World, monkeypatch: pytest.MonkeyPatch) -> Transactions:
    del world
    return Transactions(monkeypatch)


def test_ten_messages_with_a_hundred_records_take_two_write_calls(transactions: Transactions) -> None:
    transactions.pretend = True
    reply = send(*(body(*(inbound(10 * m + n, payload=n) for n in range(10))) for m in range(10)))
    assert reply["stored"] == 100
    assert transactions.sizes == [100, 100]


def test_a_thousand_small_messages_take_twenty_write_calls(transactions: Transactions) -> None:
    transactions.pretend = True
    reply = send(*(body(*(inbound(100 * m + n) for n in range(100))) for m in range(10)))
    assert reply["stored"] == 1000
    assert len(transactions.sizes) == 20


@pytest.mark.slow
def test_memory_does_not_grow_with_the_batch(transactions: Transactions) -> None:
    transactions.pretend = True
    noise = "x" * 1000

    def peak(records: int) -> int:
        texts = [body(*(inbound(records * m + n, payload=noise) for n in range(records))) for m in range(10)]
        event = {"Records": [{"messageId": str(m), "body": text} for m, text in enumerate(texts)]}
        tracemalloc.start()
        assert handler(event, Context())["stored"] == 10 * records
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most - sum(map(len, texts)) // 10  # one body is split into lines at a time

    peak(10)
    assert peak(300) - peak(100) < MAX_BYTES


def test_what_a_throttled_store_did_not_take_is_reported_and_nothing_else(
    world: World, transactions: Transactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("expunge.table.storing.LIMIT", 4)
    transactions.fail = lambda text: "ThrottlingException" if message_id(5) in text else None
    reply = send(*(body(inbound(2 * n), inbound(2 * n + 1)) for n in range(5)), context=RunningOut(seconds=2))
    assert "m2" in failed(reply)
    missing = {f"m{n}" for n in range(5) if not {message_id(2 * n), message_id(2 * n + 1)} <= stored(world)}
    assert set(failed(reply)) == missing
    assert failed(send(body(inbound(4), inbound(6)))) == []


@pytest.mark.parametrize("code", ["ValidationException", "TransactionCanceledException"])
def test_a_record_that_the_store_will_never_take_costs_the_others_nothing(
    world: World, transactions: Transactions, logged: Logged, code: str
) -> None:
    transactions.fail = lambda text: code if message_id(5) in text else None
    reply = send(*(body(inbound(2 * n), inbound(2 * n + 1)) for n in range(5)))
    assert (failed(reply), reply["stored"]) == (["m2"], 9)
    assert stored(world) == {message_id(n) for n in range(10) if n != 5}
    assert [line["reason"] for line in logged() if "reason" in line] == ["store unavailable"]


def test_a_transaction_that_is_too_large_is_made_smaller(world: World, transactions: Transactions) -> None:
    """What a record replaces may count among DynamoDB's 4 MB, and only DynamoDB knows its size."""
    transactions.fail_by_size = 6
    assert failed(send(*(body(inbound(n)) for n in range(10)))) == []
    assert stored(world) == {message_id(n) for n in range(10)}


def test_a_store_that_takes_nothing_is_given_up_soon(transactions: Transactions) -> None:
    transactions.fail = lambda _text: "ValidationException"
    reply = send(*(body(*(inbound(100 * m + n) for n in range(100))) for m in range(10)))
    assert (len(failed(reply)), reply["stored"]) == (10, 0)
    assert len(transactions.sizes) < 150


def test_what_there_was_no_time_for_is_reported(world: World) -> None:
    class Late(Context):
        asked = 0

        def get_remaining_time_in_millis(self) -> int:
            self.asked += 1
            return 60_000 if self.asked == 1 else 8_000

    reply = send(body(inbound(1)), body(inbound(2)), context=Late())
    assert (failed(reply), reply["stored"], reply["rejected"]) == (["m0", "m1"], 0, [])
    assert stored(world) == set()


def test_after_a_death_half_way_the_redelivery_does_no_harm(
    world: World, transactions: Transactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("expunge.table.storing.LIMIT", 2)
    bodies = [body(inbound(n, payload=n)) for n in range(4)]

    class Killed(BaseException):
        pass

    def die(text: str) -> str | None:
        if message_id(2) in text:
            raise Killed
        return None

    transactions.fail = die
    with pytest.raises(Killed):
        send(*bodies)
    transactions.fail = lambda _text: None
    assert failed(send(*bodies)) == []
    assert stored(world) == {message_id(n) for n in range(4)}


def test_content_goes_with_its_message_or_not_at_all(world: World, transactions: Transactions) -> None:
    transactions.fail = lambda text: "AccessDeniedException" if '"payload"' in text else None
    assert failed(send(body(inbound(1, payload=1)))) == ["m0"]
    assert world.store.client.scan(TableName=world.store.table)["Count"] == 0
