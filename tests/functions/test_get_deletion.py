"""Looking a deletion up: who asked for what, and what became of it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from delete_inbound_message import handler as delete_one
from delete_inbound_messages import handler as delete_all
from delete_pull_event_batch import handler as delete_batch
from delete_pull_events import handler as delete_events
from expunge import timestamps
from expunge.deletions.record import Record
from expunge.deletions.recorded import Asked
from expunge.table.store import store
from get_deletion import handler as get_deletion
from list_deletion_messages import handler as list_messages
from list_deletions import handler as list_deletions
from restore_deletion import handler as restore
from tests.deletions import NONE, look, purged, states, stop_before
from tests.failing import LOST
from tests.world import ACCOUNT, PULL, RunningOut, World, at, call, message_id


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.customer()


def test_a_deletion_by_filter_says_who_asked_when_for_what_and_what_became_of_it(world: World) -> None:
    ids = [world.message(1), world.message(2)]
    query = {"status": " succeeded,queued", "limit": "5", "received_before": "2026-04-01T02:00:00+02:00"}
    assert call(delete_all, query=query).data["deleted"] == 0
    done = call(delete_all, query=query | {"received_before": at(3)})

    told = look(done).data

    [item] = [each for each in world.items() if each["id"] == ids[0]]
    assert told == {
        "id": done.headers["x-request-id"],
        "family": "inbound",
        "state": "done",
        "requested_at": item["deleted_at"],
        "requested_by": item["deleted_by"],
        "filters": {
            "status": ["queued", "succeeded"],
            "limit": 5,
            "received_before": "2026-04-01T00:00:03.000Z",
        },
        **NONE,
        "deleted": 2,
        "restorable_until": item["purge_at"],
    }
    deleted = {"state": "deleted", "deleted_at": item["deleted_at"]}
    assert states(done) == [{"id": each, **deleted} for each in ids]


def test_a_deletion_that_matched_nothing_leaves_a_record_too() -> None:
    done = call(delete_events, path={"id": PULL}, query={"event_type": "order.created"})

    told = look(done).data

    assert told["filters"] == {"pull_endpoint_id": PULL, "event_type": "order.created"}
    assert (told["family"], told["state"]) == ("pull", "done")
    assert {name: told[name] for name in NONE} == NONE
    assert states(done) == []
    for shown in (told, call(list_deletions).data["deletions"][0]):
        assert "restorable_until" not in shown


def test_what_was_deleted_by_others_is_not_restorable_by_this_one(world: World) -> None:
    event = world.event(1)
    first = call(delete_batch, path={"id": PULL}, body={"message_ids": [event]})
    again = call(delete_batch, path={"id": PULL}, body={"message_ids": [event]})

    assert "restorable_until" not in look(again).data
    [item] = world.items()
    assert look(first).data["restorable_until"] == item["purge_at"]
    listed = {each["id"]: each.get("restorable_until") for each in call(list_deletions).data["deletions"]}
    assert listed == {first.headers["x-request-id"]: item["purge_at"], again.headers["x-request-id"]: None}


def test_a_batch_says_how_many_ids_were_asked_for(world: World) -> None:
    event, other = world.event(1), world.event(2)
    call(delete_batch, path={"id": PULL}, body={"message_ids": [other]})
    asked_for = [other, "nonsense", event, message_id(3), event]
    done = call(delete_batch, path={"id": PULL}, body={"message_ids": asked_for})

    told = look(done).data

    assert told["requested_ids"] == 5
    assert "filters" not in told
    assert told["deleted"] == 1
    assert [each["state"] for each in states(done)] == ["left_alone", "deleted", "left_alone"]


def test_a_single_deletion_leaves_a_record_only_if_it_flagged_something(world: World) -> None:
    message = world.message(1)
    done = call(delete_one, path={"message_id": message})
    again = call(delete_one, path={"message_id": message})

    assert look(done).data["requested_ids"] == 1
    assert look(done).data["deleted"] == 1
    assert look(again).error == (404, "NOT_FOUND", "Deletion not found")
    assert call(delete_one, path={"message_id": message_id(2)}).status == 404
    assert len(call(list_deletions).data["deletions"]) == 1


@pytest.mark.parametrize("request_id", ["req_unknown", "nonsense", "req_", "req_ü", "req_x#y", ""])
def test_what_is_no_deletion_of_the_account_is_not_found(request_id: str) -> None:
    for handler in (get_deletion, list_messages, restore):
        reply = call(handler, path={"request_id": request_id})
        assert reply.error == (404, "NOT_FOUND", "Deletion not found")


def test_another_account_sees_nothing(world: World) -> None:
    world.api_key("other", account_id="acc_2")
    world.message(1)
    done = call(delete_all)
    other = {"authorization": "Bearer other"}
    path = {"request_id": done.headers["x-request-id"]}

    for handler in (get_deletion, list_messages, restore):
        assert call(handler, path=path, headers=other).status == 404
    assert call(list_deletions, headers=other).data == {"deletions": []}
    assert world.deleted() == {message_id(1)}


@pytest.mark.parametrize(
    ("handler", "scope"),
    [
        (list_deletions, "deletions:read"),
        (get_deletion, "deletions:read"),
        (list_messages, "deletions:read"),
        (restore, "deletions:restore"),
    ],
)
def test_each_call_has_its_scope(world: World, handler: Any, scope: str) -> None:
    every = ["inbound:delete", "pull:delete", "outbound:delete", "deletions:read", "deletions:restore"]
    world.api_key("without", scopes=[each for each in every if each != scope])

    reply = call(handler, path={"request_id": "req_1"}, headers={"authorization": "Bearer without"})

    assert reply.error == (403, "FORBIDDEN", f"This API key lacks the scope {scope}")


def test_a_look_up_takes_a_read_a_hundred_messages_and_one_more_and_a_list_two(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("expunge.deletions.standing.LIMIT", 2)
    for number in range(5):
        world.message(number)
    done = call(delete_all)
    reads: list[str] = []
    for operation in ("get_item", "batch_get_item", "query"):
        real = getattr(store().client, operation)

        def counted(_name: str = operation, _real: Any = real, **arguments: Any) -> Any:
            reads.append(_name)
            return _real(**arguments)

        monkeypatch.setattr(store().client, operation, counted)

    assert look(done).data["deleted"] == 5
    assert reads == ["get_item"] + 3 * ["batch_get_item"]
    reads.clear()
    assert len(call(list_deletions).data["deletions"]) == 1
    assert reads == ["query", "batch_get_item"]


def test_a_record_is_forgotten_when_its_time_is_over(travel: Callable[[timedelta], None]) -> None:
    done = call(delete_all)
    travel(timedelta(days=399))
    assert look(done).status == 200

    travel(timedelta(days=401))

    assert look(done).status == 404
    assert call(list_deletions).data == {"deletions": []}


def test_a_thousand_ids_take_less_than_twenty_kilobytes() -> None:
    asks = Asked(ACCOUNT, "req_" + "x" * 20, "key_1", timestamps.now())
    record = asks.record("inbound", "INBOUND#acc_1#", {"filters": {"limit": 1000}})
    record.deletion = asks.deletion()
    record.add(message_id(number) for number in range(1000))
    record.taken = set(record.ids[::3])
    record.doubtful = set(record.ids[1::3])

    item = record.item()

    values = [next(iter(each.values())) for each in item.values()]
    assert len(item["ids"]["B"]) == 16_000
    assert sum(map(len, values)) + sum(map(len, item)) < 20_000
    assert Record.of(item).item() == item


def test_a_deletion_that_died_after_its_flags_is_executing_and_settled_later(
    world: World, monkeypatch: pytest.MonkeyPatch, travel: Callable[[timedelta], None]
) -> None:
    world.message(1)
    with monkeypatch.context() as patch:
        stop_before(patch, "update_item", KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            call(delete_all, request_id="died")

    assert look("req_died").data["state"] == "executing"
    assert look("req_died").data["deleted"] == 1

    travel(timedelta(seconds=31))

    assert look("req_died").data["state"] == "done"
    purged(world, message_id(1))
    assert look("req_died").data | NONE | {"purged": 1} == look("req_died").data


def test_a_deletion_that_died_before_its_flags_left_everything_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, travel: Callable[[timedelta], None]
) -> None:
    world.message(1)
    died = Mock(side_effect=KeyboardInterrupt)
    monkeypatch.setattr("expunge.deletions.recorded.soft_delete", died)
    with pytest.raises(KeyboardInterrupt):
        call(delete_all, request_id="died")

    assert look("req_died").data | NONE | {"in_doubt": 1} == look("req_died").data

    travel(timedelta(seconds=31))

    assert look("req_died").data | NONE | {"state": "partial"} == look("req_died").data
    assert world.live() == {message_id(1)}


def test_what_was_in_doubt_is_settled_by_the_flags(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    travel: Callable[[timedelta], None],
    runs_out: Callable[..., RunningOut],
) -> None:
    world.message(1)
    with monkeypatch.context() as patch:
        real = store().client.transact_write_items

        def lost(**arguments: Any) -> Any:
            with suppress(ClientError):
                real(**arguments)
            raise LOST

        patch.setattr(store().client, "transact_write_items", lost)
        stop_before(patch, "batch_get_item", LOST)
        done = call(delete_all, context=runs_out(4))
    assert done.body["error"]["code"] == "DELETE_FAILED"

    told = look(done).data
    assert (told["state"], told["deleted"], told["in_doubt"]) == ("partial", 1, 0)
    assert told["error"] == done.body["error"]
    travel(timedelta(seconds=31))
    assert look(done).data == told
