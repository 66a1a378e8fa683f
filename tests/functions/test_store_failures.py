"""What callers are told when DynamoDB fails, and that it is the truth."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delete_inbound_messages import handler as delete_all
from delete_pull_event_batch import handler as delete_batch
from expunge.deletions import soft_delete
from expunge.table import at_once
from expunge.table.store import store
from tests.failing import LOST, raising, refusal
from tests.world import INBOUND, PULL, RunningOut, World, call, message_id

Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.customer()


def conflict(*codes: str) -> ClientError:
    return refusal("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


def in_turn(answers: list[Call]) -> Call:
    """A call of the store that is answered by these, the last one first."""

    def answer(**arguments: Any) -> Any:
        return answers.pop()(**arguments)

    return answer


@pytest.mark.parametrize(
    "error",
    [
        refusal("ThrottlingException"),
        refusal("ProvisionedThroughputExceededException"),
        refusal("TransactionInProgressException"),
        refusal("InternalServerError", status=500),
        conflict("TransactionConflict", "None"),
        conflict("None", "ThrottlingError"),
        LOST,
    ],
    ids=str,
)
@pytest.mark.parametrize("operation", ["transact_write_items", "query"])
def test_a_failure_that_passes_goes_unnoticed(
    world: World, disturb: Call, operation: str, error: Exception
) -> None:
    ids = [world.message(1), world.message(2)]
    disturb(operation, error, error)

    reply = call(delete_all)

    assert reply.body == {
        "data": {"deleted": 2, "deleted_message_ids": ids},
        "meta": {"request_id": reply.headers["x-request-id"]},
    }


REFUSALS = [(refusal("ThrottlingException"), "throttled"), (refusal("AccessDeniedException"), "unavailable")]
NO_ANSWERS = [(refusal("InternalServerError", status=500), "unavailable"), (LOST, "unavailable")]
AGAIN = "store {}. Repeating the request continues."
IN_DOUBT = " Up to 1 more may have been deleted without being listed."


@pytest.mark.parametrize(
    ("operation", "error", "told"),
    [
        *[("query", error, AGAIN.format(reason)) for error, reason in REFUSALS + NO_ANSWERS],
        *[("transact_write_items", error, AGAIN.format(reason)) for error, reason in REFUSALS],
        # That a message bears no flags yet does not say that a write without an answer won't come to pass.
        *[("transact_write_items", error, AGAIN.format(reason) + IN_DOUBT) for error, reason in NO_ANSWERS],
    ],
    ids=str,
)
def test_when_nothing_was_deleted_the_answer_says_so_and_why(
    world: World, disturb: Call, operation: str, error: Exception, told: str, runs_out: Call
) -> None:
    world.message(1)
    disturb(operation, error, forever=True)

    reply = call(delete_all, context=runs_out(2, operation))

    assert reply.status == 200
    assert reply.body == {
        "data": {"deleted": 0, "deleted_message_ids": []},
        "error": {
            "code": "DELETE_FAILED",
            "message": f"Stopped after 0 deletions: {told}",
        },
        "meta": {"request_id": reply.headers["x-request-id"]},
    }
    assert world.deleted() == set()


def test_a_request_is_not_held_back_because_an_earlier_one_in_the_same_process_ended(
    world: World, disturb: Call
) -> None:
    first = world.message(1)
    disturb("transact_write_items", refusal("AccessDeniedException"))
    assert call(delete_all).data["deleted"] == 0

    assert call(delete_all).data["deleted_message_ids"] == [first]


def test_the_limit_reached_is_a_success_whatever_failed_beside_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others were faster with the first two, so it looks ahead, where a page cannot be read."""
    for number in range(6):
        world.message(number, status="queued")
    client = store().client
    write, query = client.transact_write_items, client.query
    lost = {"Code": "ConditionalCheckFailed", "Item": {"deleted_at": {"S": "2026-05-01T00:00:00.000Z"}}}
    answers = [write, raising(refusal("TransactionCanceledException", CancellationReasons=[lost, lost]))]
    monkeypatch.setattr("expunge.table.search._SMALLEST_PAGE", 4)
    monkeypatch.setattr(client, "transact_write_items", in_turn(answers))

    def first_pages_only(**arguments: Any) -> Any:
        if "ExclusiveStartKey" in arguments:
            raise refusal("AccessDeniedException")
        return query(**{**arguments, "Limit": 4})

    monkeypatch.setattr(client, "query", first_pages_only)
    reply = call(delete_all, query={"status": "queued", "limit": "2", "inbound_endpoint_id": INBOUND})

    assert reply.data == {"deleted": 2, "deleted_message_ids": [message_id(2), message_id(3)]}
    assert "error" not in reply.body


def test_when_one_transaction_fails_for_good_no_other_is_begun(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soft_delete, "LIMIT", 1)
    monkeypatch.setattr(at_once, "_AT_ONCE", 1)
    for number in range(3):
        world.message(number)
    answers = [store().client.transact_write_items, raising(refusal("AccessDeniedException"))]
    monkeypatch.setattr(store().client, "transact_write_items", in_turn(answers))

    assert call(delete_all).data["deleted"] == 0
    assert len(answers) == 1


def test_when_time_runs_out_nothing_more_is_begun(world: World) -> None:
    world.message(1)

    reply = call(delete_all, query={"status": "succeeded"}, context=RunningOut(seconds=0))

    assert reply.status == 500  # not even the key could be looked up
    assert world.deleted() == set()


def test_what_was_committed_before_a_failure_is_reported_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soft_delete, "LIMIT", 2)
    monkeypatch.setattr(at_once, "_AT_ONCE", 1)
    ids = [world.message(number) for number in range(6)]
    chunks = iter([store().client.transact_write_items])

    def one_chunk_only(**arguments: Any) -> Any:
        for write in chunks:
            return write(**arguments)
        raise refusal("AccessDeniedException")

    monkeypatch.setattr(store().client, "transact_write_items", one_chunk_only)
    reply = call(delete_all)

    assert reply.status == 200
    assert reply.data == {"deleted": 2, "deleted_message_ids": ids[:2]}
    assert reply.body["error"] == {
        "code": "PARTIAL_DELETE_FAILURE",
        "message": "Stopped after 2 deletions: store unavailable. Repeating the request continues.",
    }
    assert world.deleted() == set(ids[:2])


def test_repeating_the_request_continues(world: World, disturb: Call) -> None:
    ids = [world.message(number) for number in range(3)]
    disturb("transact_write_items", refusal("AccessDeniedException"))
    assert call(delete_all).body["error"]["code"] == "DELETE_FAILED"

    assert call(delete_all).data["deleted_message_ids"] == ids


def test_an_unforeseen_failure_while_writing_is_reported_as_a_failure(
    world: World, disturb: Call, logged: Call
) -> None:
    world.message(1)
    disturb("transact_write_items", RuntimeError("surprise"))

    assert call(delete_all).body["error"]["code"] == "DELETE_FAILED"
    errors = str([line for line in logged() if line.get("level") == "ERROR"])
    # By its kind and where it was raised, not by its words, which may quote what was sent.
    assert "RuntimeError" in errors
    assert "transactions.py" in errors


def test_partial_failures_are_counted_and_logged(world: World, disturb: Call, logged: Call) -> None:
    world.message(1)
    disturb("transact_write_items", refusal("AccessDeniedException"))
    reply = call(delete_all)

    lines = logged()
    [metrics] = [line for line in lines if "_aws" in line]
    assert metrics["PartialFailures"] == [1.0]
    [told] = [line for line in lines if line.get("level") == "WARNING"]
    assert told["message"] == "Stopped early"
    assert told["deletion"] == reply.headers["x-request-id"]
    assert (told["reason"], told["done"], told["in_doubt"]) == ("store unavailable", 0, 0)


def internal_error(reply: Any) -> bool:
    sentence = "Not finished: store unavailable. Repeating the request is safe."
    return bool(reply.error == (500, "INTERNAL_ERROR", sentence))


def test_a_batch_that_fails_says_so_and_repeating_it_is_safe(
    world: World, disturb: Call, runs_out: Call
) -> None:
    ids = [world.event(1), world.event(2)]
    disturb("transact_write_items", LOST, LOST, LOST, LOST, LOST, done=True)
    disturb("batch_get_item", LOST, forever=True)
    request = partial(call, delete_batch, path={"id": PULL}, body={"message_ids": ids})

    assert internal_error(request(context=runs_out(2)))
    outcomes = [result["outcome"] for result in request().data["results"]]
    assert outcomes == ["already_deleted", "already_deleted"]


def test_a_key_that_cannot_be_looked_up_is_no_wrong_key(world: World, disturb: Call) -> None:
    world.message(1)
    disturb("get_item", refusal("AccessDeniedException"))

    assert internal_error(call(delete_all))
    assert world.deleted() == set()
