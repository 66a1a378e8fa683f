"""Requests with an Idempotency-Key: the same again is answered as the first time and does nothing more."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delete_inbound_message import handler as delete_one
from delete_inbound_messages import handler as delete_all
from delete_pull_event_batch import handler as delete_batch
from execute_deletion import handler as execute
from expunge.table import keys
from expunge.table.store import store
from restore_deletion import handler as restore
from tests.deletions import ask
from tests.functions.dying import WRITES, Mortal
from tests.world import PULL, Handler, Reply, World, call, message_id


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.customer()


def same(reply: Reply, first: Reply) -> bool:
    assert reply.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert reply.headers["x-request-id"] == first.headers["x-request-id"]
    return (reply.status, reply.body) == (first.status, first.body)


def test_a_deletion_by_filter_is_answered_as_the_first_time_and_deletes_nothing_more(world: World) -> None:
    world.message(1)
    first = ask(delete_all)
    later = world.message(2)

    assert same(ask(delete_all), first)
    assert world.live() == {later}


def test_a_batch_is_answered_as_the_first_time_whatever_has_happened_since(world: World) -> None:
    known, new = world.event(1), world.event(2)
    arguments: dict[str, Any] = {"path": {"id": PULL}, "body": {"message_ids": [known, new, "x", new]}}
    earlier = call(delete_batch, path={"id": PULL}, body={"message_ids": [known]})
    first = ask(delete_batch, **arguments)
    call(restore, path={"request_id": earlier.headers["x-request-id"]})
    call(restore, path={"request_id": first.headers["x-request-id"]})

    assert same(ask(delete_batch, **arguments), first)
    assert world.live() == {known, new}
    assert [each["outcome"] for each in first.data["results"]] == [
        "already_deleted",
        "deleted",
        "not_found",
        "already_deleted",
    ]


@pytest.mark.parametrize("deleted_before", [True, False])
def test_a_single_deletion_is_answered_as_the_first_time(world: World, *, deleted_before: bool) -> None:
    path = {"message_id": world.message(1)}
    before = call(delete_one, path=path) if deleted_before else None
    first = ask(delete_one, path=path)
    undone = before or first
    call(restore, path={"request_id": undone.headers["x-request-id"]})

    assert same(ask(delete_one, path=path), first)
    assert first.data["already_deleted"] is deleted_before
    assert world.live() == {message_id(1)}


def test_a_restore_is_answered_as_the_first_time(world: World) -> None:
    world.message(1)
    path = {"request_id": call(delete_all).headers["x-request-id"]}
    first = ask(restore, path=path)
    call(delete_all)

    assert same(ask(restore, path=path), first)
    assert world.deleted() == {message_id(1)}


def test_a_plan_and_its_execution_are_answered_as_the_first_time(world: World) -> None:
    world.message(1)
    plan = ask(delete_all, query="dry_run=true")
    path = {"request_id": plan.data["deletion_id"]}
    first = ask(execute, "execute-17", path=path)

    assert same(ask(delete_all, query="dry_run=true"), plan)
    assert same(ask(execute, "execute-17", path=path), first)
    assert first.data["deleted"] == 1


def test_the_key_with_another_request_is_refused(world: World) -> None:
    ask(delete_all, query="limit=1&status=queued")
    world.message(1)

    assert ask(delete_all, query="status=queued&limit=1").status == 200
    reply = ask(delete_all, query="limit=2&status=queued")

    sentence = "This Idempotency-Key was used for another request"
    assert reply.error == (422, "IDEMPOTENCY_KEY_REUSED", sentence)
    assert world.live() == {message_id(1)}


def test_keys_are_an_accounts_own_and_last_a_day(world: World, travel: Callable[[timedelta], None]) -> None:
    world.api_key("other", account_id="acc_2")
    ask(delete_all)
    headers = {"authorization": "Bearer other", "idempotency-key": "order-17"}
    assert "idempotent-replayed" not in call(delete_all, query="limit=1", headers=headers).headers
    travel(timedelta(hours=23))
    assert ask(delete_all).headers["idempotent-replayed"] == "true"

    travel(timedelta(hours=24, seconds=1))
    world.message(1)

    assert ask(delete_all).data["deleted"] == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "ü", "a\n", "\x7f"])
def test_what_is_no_key_is_refused(world: World, key: str) -> None:
    world.message(1)

    sentence = "Idempotency-Key must be 1 to 255 visible ASCII characters"
    assert ask(delete_all, key).error == (400, "INVALID_REQUEST", sentence)
    assert world.live() == {message_id(1)}


def test_a_request_that_was_refused_does_not_use_its_key_up(world: World) -> None:
    path = {"message_id": message_id(1)}
    assert ask(delete_one, path=path).status == 404
    assert ask(delete_all, query="limit=x").status == 400
    world.message(1)

    assert ask(delete_one, path=path).data["already_deleted"] is False


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """Operations that the store refuses on kinds of items, when they are put in here."""
    refused: set[tuple[str, str]] = set()
    for operation in ("put_item", "update_item"):
        monkeypatch.setattr(store().client, operation, _refusing(operation, refused))
    return refused


def _refusing(operation: str, refused: set[tuple[str, str]]) -> Callable[..., Any]:
    real = getattr(store().client, operation)

    def write(**arguments: Any) -> Any:
        if (operation, (arguments.get("Key") or arguments["Item"])["sk"]["S"]) in refused:
            response: Any = {"Error": {"Code": "X"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
            raise ClientError(response, operation)
        return real(**arguments)

    return write


def test_an_answer_that_nobody_could_give_again_is_not_given_as_the_last_word(
    world: World, full: set[tuple[str, str]]
) -> None:
    full.add(("put_item", keys.DELETION))
    first = ask(delete_all)
    full.clear()
    world.message(1)

    message = "Stopped after 0 deletions: store unavailable. Repeating the request continues."
    assert first.body["error"] == {"code": "DELETE_FAILED", "message": message}
    assert ask(delete_all).data["deleted"] == 1


def test_a_restore_that_cannot_be_remembered_says_so_and_its_repetition_tells_the_whole(
    world: World, full: set[tuple[str, str]], travel: Callable[[timedelta], None]
) -> None:
    world.message(1)
    path = {"request_id": call(delete_all).headers["x-request-id"]}
    full.add(("update_item", keys.IDEMPOTENCY))
    first = ask(restore, path=path)
    full.clear()
    travel(timedelta(minutes=1))

    sentence = "Not finished: store unavailable. Repeating the request is safe."
    assert first.error == (500, "INTERNAL_ERROR", sentence)
    assert ask(restore, path=path).data == {"restored": 1, "restored_ids": [message_id(1)]}


def test_while_the_first_can_be_at_work_the_second_waits(world: World) -> None:
    world.message(1)
    replies: list[Reply] = []
    real = store().client.transact_write_items

    def meanwhile(**arguments: Any) -> Any:
        if not replies:
            replies.append(ask(delete_all))
        return real(**arguments)

    store().client.transact_write_items = meanwhile  # type: ignore[method-assign]
    first = ask(delete_all)

    sentence = "The first request with this Idempotency-Key can still be at work"
    assert replies[0].error == (409, "REQUEST_IN_PROGRESS", sentence)
    assert replies[0].headers["x-request-id"] != first.headers["x-request-id"]
    assert first.data["deleted"] == 1
    assert same(ask(delete_all), first)


@pytest.mark.parametrize(
    ("handler", "most"), [(delete_all, 3), (delete_batch, 3), (delete_one, 1), (restore, 2), (execute, 3)]
)
def test_what_a_request_costs_besides_its_flags(
    world: World, mortal: Mortal, handler: Handler, most: int
) -> None:
    message, event = world.message(1), world.event(2)
    arguments: dict[Any, dict[str, Any]] = {
        delete_all: {},
        delete_batch: {"path": {"id": PULL}, "body": {"message_ids": [event]}},
        delete_one: {"path": {"message_id": message}},
    }
    if handler is restore:
        arguments[restore] = {"path": {"request_id": call(delete_all).headers["x-request-id"]}}
    if handler is execute:
        plan = call(delete_all, query="dry_run=true").data["deletion_id"]
        arguments[execute] = {"path": {"request_id": plan}}
    call(delete_one, path={"message_id": message_id(9)})  # warms the key up
    mortal.calls.clear()

    assert ask(handler, **arguments[handler]).status == 200

    single = [each for each in mortal.calls if each in WRITES and each != "transact_write_items"]
    assert len(single) == most
    assert mortal.calls.count("transact_write_items") == 1
