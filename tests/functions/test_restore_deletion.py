"""Making live again what a deletion flagged."""

import json
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from delete_inbound_messages import handler as delete_all
from delete_pull_events import handler as delete_events
from expunge.table.store import store
from restore_deletion import handler as restore
from tests.deletions import look, purged, restored, states, stop_before
from tests.failing import LOST
from tests.world import PULL, RunningOut, World, call, message_id


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.customer()


def test_a_restored_message_has_its_status_place_and_content_again(world: World) -> None:
    world.message(1, status="queued")
    world.message(2)
    before = {each["id"]: each for each in world.items()}
    done = call(delete_all, query={"status": "queued"})

    reply = restored(done)

    assert reply.data == {"restored": 1, "restored_ids": [message_id(1)]}
    after = {each["id"]: each for each in world.items()}
    mine = after[message_id(1)]
    added = {name: mine.pop(name) for name in set(mine) - set(before[message_id(1)])}
    assert after == before
    assert added == {
        "restored_at": added["restored_at"],
        "restored_by": added["restored_by"],
        "restored_from": done.headers["x-request-id"],
        "restored_request_id": reply.headers["x-request-id"],
    }
    assert added["restored_by"].startswith("key_")
    content = world.store.client.scan(TableName="expunge", FilterExpression="attribute_exists(payload)")
    assert content["Count"] == 2
    told = look(done).data
    assert (told["deleted"], told["restored"], told["state"]) == (0, 1, "done")
    assert states(done) == [{"id": message_id(1), "state": "restored"}]


def test_an_event_is_found_by_its_type_again(world: World) -> None:
    event = world.event(1, event_type="order.paid")
    restored(call(delete_events, path={"id": PULL}))

    again = call(delete_events, path={"id": PULL}, query={"event_type": "order.paid"})

    assert again.data["deleted_event_ids"] == [event]


def test_a_second_restore_finds_nothing_and_is_no_error(world: World) -> None:
    world.message(1)
    done = call(delete_all)
    restored(done)

    assert restored(done).data == {"restored": 0, "restored_ids": []}


def test_some_messages_may_be_restored_without_the_others(world: World) -> None:
    ids = [world.message(number) for number in range(3)]
    done = call(delete_all)

    reply = restored(done, {"message_ids": [ids[2].upper(), ids[0], ids[0], message_id(9), "nonsense"]})

    assert reply.data == {"restored": 2, "restored_ids": [ids[0], ids[2]]}
    assert world.live() == {ids[0], ids[2]}


def test_what_another_deletion_flagged_is_left_deleted(world: World) -> None:
    world.message(1)
    first = call(delete_all)
    restored(first)
    second = call(delete_all)
    before = world.items()

    assert restored(first).data["restored"] == 0
    assert world.items() == before
    assert look(first).data["restored"] == 1
    assert look(second).data["deleted"] == 1


def test_what_was_purged_cannot_be_restored(world: World) -> None:
    ids = [world.message(1), world.message(2)]
    done = call(delete_all)
    purged(world, ids[0])
    assert restored(done).data["restored_ids"] == [ids[1]]
    call(delete_all)
    purged(world, ids[1])

    message = "This deletion has no messages that can be restored: they were purged, or it deleted none"
    assert restored(done).error == (409, "NOT_RESTORABLE", message)
    assert look(done).data["purged"] == 2


def test_a_deletion_of_nothing_has_nothing_to_restore() -> None:
    assert restored(call(delete_all)).status == 409


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "payload must be valid JSON"),
        ("[]", "payload must be a JSON object"),
        ('{"ids":[]}', '"ids" is not known: the fields of this call are message_ids'),
        ('{"message_ids":["x"],"message_ids":["y"]}', "payload must give each field only once"),
        ('{"message_ids":[]}', "message_ids must be a list of 1 to 1000 strings"),
        ('{"message_ids":[1]}', "message_ids must be a list of 1 to 1000 strings"),
        (json.dumps({"message_ids": ["x"] * 1001}), "message_ids must be a list of 1 to 1000 strings"),
    ],
)
def test_a_body_that_is_not_understood_restores_nothing(world: World, body: str, message: str) -> None:
    world.message(1)
    done = call(delete_all)

    assert restored(done, body).error == (400, "INVALID_REQUEST", message)
    assert world.live() == set()


def test_a_restore_takes_a_call_a_hundred_messages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expunge.deletions.restore.LIMIT", 2)
    for number in range(5):
        world.message(number)
    done = call(delete_all)
    written: list[int] = []
    real = store().client.transact_write_items

    def counted(**arguments: Any) -> Any:
        written.append(len(arguments["TransactItems"]))
        return real(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", counted)

    assert restored(done).data["restored"] == 5
    assert sorted(written) == [1, 2, 2]
    assert len(world.live()) == 5


def test_a_restore_whose_answer_was_lost_is_reported_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [world.message(1), world.message(2)]
    done = call(delete_all)
    real = store().client.transact_write_items
    errors = [LOST]

    def lost(**arguments: Any) -> Any:
        real(**arguments)
        raise errors.pop()

    def once(**arguments: Any) -> Any:
        return lost(**arguments) if errors else real(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", once)

    assert restored(done).data == {"restored": 2, "restored_ids": ids}


def test_a_restore_that_the_store_fails_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch, runs_out: Callable[..., RunningOut]
) -> None:
    world.message(1)
    done = call(delete_all)
    stop_before(monkeypatch, "transact_write_items", LOST)

    reply = restored(done, context=runs_out(4))

    assert reply.status == 200
    assert reply.data == {"restored": 0, "restored_ids": []}
    assert reply.body["error"]["code"] == "RESTORE_FAILED"
    assert world.live() == set()


def test_a_read_back_that_hangs_does_not_keep_the_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1)
    path = {"request_id": call(delete_all).headers["x-request-id"]}
    answered, over = Event(), Event()
    reads = iter([store().client.batch_get_item])

    def read(**arguments: Any) -> Any:
        for first in reads:
            return first(**arguments)
        answered.wait(timeout=60)
        over.set()
        raise LOST

    def write(**_: Any) -> Any:
        raise LOST

    monkeypatch.setattr(store().client, "batch_get_item", read)
    monkeypatch.setattr(store().client, "transact_write_items", write)
    reply = call(restore, path=path, context=RunningOut(seconds=2))

    assert not over.is_set()
    answered.set()
    message = "Stopped after 0 messages: store unavailable. Repeating the request continues."
    message += " Up to 1 more may have been restored without being listed."
    assert reply.body["error"] == {"code": "RESTORE_FAILED", "message": message}
