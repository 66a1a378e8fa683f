"""What the queue brings is stored, what is wrong with it is told, and nothing is lost or stuck."""

import json
import tracemalloc
from collections.abc import Callable
from threading import Lock
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delete_inbound_messages import handler as delete_inbound
from expunge.table.store import store
from expunge.table.storing import MAX_BYTES
from store_records import handler
from tests.layer.stored import inbound
from tests.world import INBOUND, Context, RunningOut, World, call, message_id

Logged = Callable[[], list[dict[str, Any]]]


def body(*records: dict[str, Any] | str) -> str:
    return "\n".join(each if isinstance(each, str) else json.dumps(each) for each in records)


def send(*bodies: str, context: Context | None = None) -> dict[str, Any]:
    records = [{"messageId": f"m{n}", "body": each} for n, each in enumerate(bodies)]
    return handler({"Records": records}, context or Context())


def failed(reply: dict[str, Any]) -> list[str]:
    return [each["itemIdentifier"] for each in reply["batchItemFailures"]]


def stored(world: World) -> set[str]:
    return {item["id"] for item in world.items()}


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
                response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}
                if code == "TransactionCanceledException":
                    response["CancellationReasons"] = [
                        {"Code": "ValidationError" if each else "None"} for each in codes
                    ]
                raise ClientError(response, "TransactWriteItems")
            with lock:  # moto takes one at a time
                return None if self.pretend else write(**arguments)

        patch.setattr(store().client, "transact_write_items", transact)


@pytest.fixture
def transactions(world: World, monkeypatch: pytest.MonkeyPatch) -> Transactions:
    del world
    return Transactions(monkeypatch)


def test_a_body_is_a_record_or_several_a_line_each(world: World) -> None:
    reply = send(body(inbound(1)), body(inbound(2), "", inbound(3), "\r"))
    assert reply == {"batchItemFailures": [], "stored": 3, "rejected": []}
    assert stored(world) == {message_id(1), message_id(2), message_id(3)}


def test_a_line_separator_within_a_text_ends_no_line(world: World) -> None:
    record = json.dumps(inbound(1, payload="a\u2028b\x85c"), ensure_ascii=False)
    assert send(record)["stored"] == 1
    assert stored(world) == {message_id(1)}


def test_a_body_with_a_bad_line_fails_as_a_whole_and_its_good_lines_are_stored(
    world: World, logged: Logged
) -> None:
    secret = inbound(2, status="secret-content", payload="secret-content")
    reply = send(body(inbound(1), secret, "not JSON: secret-content", inbound(3)), body(inbound(4)))

    rule = "status must be queued, delivering, succeeded, pending_retry or failed_permanent"
    assert reply == {
        "batchItemFailures": [{"itemIdentifier": "m0"}],
        "stored": 3,
        "rejected": [
            {"itemIdentifier": "m0", "line": 2, "reason": rule},
            {"itemIdentifier": "m0", "line": 3, "reason": "the line is not JSON"},
        ],
    }
    assert stored(world) == {message_id(1), message_id(3), message_id(4)}
    lines = logged()
    assert "secret-content" not in json.dumps(lines)
    [told] = [line for line in lines if "message_id" in line]
    assert (told["message_id"], told["rejected"]) == ("m0", 2)
    assert told["lines"] == [
        {"line": 2, "reason": rule},
        {"line": 3, "reason": "the line is not JSON"},
    ]
    [metrics] = [line for line in lines if "RecordsRejected" in line]
    assert (metrics["RecordsStored"], metrics["RecordsRejected"], metrics["BodiesNotStored"]) == (
        [3.0],
        [2.0],
        [0.0],
    )


def test_what_a_line_calls_its_fields_may_be_content_and_is_not_told(world: World, logged: Logged) -> None:
    reply = send(body(inbound(1, **{"secret-content": 1})))

    [rejected] = reply["rejected"]
    assert rejected["reason"].startswith("inbound_message has only the fields kind, ")
    assert "secret-content" not in json.dumps([reply, logged()])
    assert stored(world) == set()


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "api_key", "key": "hb_secret", "account_id": "acc_1"},
        {"kind": "api_key", "key_id": "key_1", "account_id": "acc_1"},
        {
            "kind": "keyset",
            "sub_key": "s",
            "pub_key": "p",
            "access_manager": True,
            "delete_from_history": True,
        },
        {
            "kind": "auth_grant",
            "sub_key": "s",
            "auth_key": "a",
            "channels": ["ch1"],
            "permissions": ["delete"],
        },
        {"kind": "inbound_endpoint", "account_id": "acc_1", "id": INBOUND},
        {"kind": "linked_account", "account_id": "acc_1", "id": "la_1", "provider": "WHATSAPP"},
    ],
    ids=lambda record: record["kind"],
)
def test_only_messages_are_taken_from_the_queue(world: World, record: dict[str, Any]) -> None:
    reply = send(json.dumps(record))
    reason = f"{record['kind']} is not taken from the queue; load it by `expunge load`"
    assert (failed(reply), reply["rejected"]) == (
        ["m0"],
        [{"itemIdentifier": "m0", "line": 1, "reason": reason}],
    )
    assert world.store.client.scan(TableName=world.store.table)["Count"] == 0


@pytest.mark.parametrize("text", [" ", "\n\n"])
@pytest.mark.usefixtures("world")
def test_a_body_without_any_record_is_rejected(text: str) -> None:
    reply = send(text)
    assert (failed(reply), [each["reason"] for each in reply["rejected"]]) == (
        ["m0"],
        ["the body holds no record"],
    )


@pytest.mark.parametrize(
    "text", ["\ud800", '{"kind":"\ud800"}', "[" * 5000, "9" * 5000, "\x00", "null", "1e999"]
)
@pytest.mark.usefixtures("world")
def test_no_body_ends_the_function(text: str) -> None:
    reply = send(text, body(inbound(1)))
    assert (failed(reply), reply["stored"], len(reply["rejected"])) == (["m0"], 1, 1)


@pytest.mark.usefixtures("world")
def test_of_a_million_bad_lines_a_thousand_are_told() -> None:
    reply = send("x\n" * 20_000)
    assert (failed(reply), len(reply["rejected"])) == (["m0"], 1000)


@pytest.mark.usefixtures("world")
def test_an_answer_is_never_larger_than_lambda_takes() -> None:
    line = json.dumps({"kind": "inbound_message", "\U0001f600" * 64: 1}, ensure_ascii=False)
    reply = send(*["\n".join([line] * 1000)] * 10)
    assert len(failed(reply)) == 10
    assert {each["itemIdentifier"] for each in reply["rejected"]} == set(failed(reply))
    assert len(json.dumps(reply)) < 6_000_000


def test_a_deleted_message_is_left_alone_and_that_is_no_failure(world: World, logged: Logged) -> None:
    world.api_key()
    send(body(inbound(1, payload="old")))
    call(delete_inbound)
    before = world.items()
    assert send(body(inbound(1, payload="new", version=7))) == {
        "batchItemFailures": [],
        "stored": 0,
        "rejected": [],
    }
    assert world.items() == before
    assert [line["RecordsLeftAlone"] for line in logged() if "RecordsLeftAlone" in line] == [[0.0], [1.0]]


def test_a_late_version_changes_nothing(world: World) -> None:
    send(body(inbound(1, status="succeeded", version=2)))
    assert send(body(inbound(1, version=1)))["stored"] == 0
    assert [item["status"] for item in world.items()] == ["succeeded"]


def test_the_same_batch_again_changes_nothing(world: World) -> None:
    bodies = [body(inbound(1, payload=1)), body(inbound(2, version=1))]
    send(*bodies)
    before = world.store.client.scan(TableName=world.store.table)["Items"]
    assert failed(send(*bodies)) == []
    assert world.store.client.scan(TableName=world.store.table)["Items"] == before


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
