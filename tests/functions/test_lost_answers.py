"""A write whose answer is lost is reported once, or said to be in doubt."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delete_inbound_messages import handler as delete_all
from delete_pull_event_batch import handler as delete_batch
from expunge.deletions import soft_delete
from expunge.table.sending import HeldBack
from expunge.table.store import store
from tests.failing import LOST
from tests.world import PULL, World, call

Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.customer()


def test_a_write_whose_answer_was_lost_is_reported_once(world: World, disturb: Call) -> None:
    ids = [world.message(1), world.message(2)]
    disturb("transact_write_items", LOST, done=True)

    assert call(delete_all).body["data"] == {"deleted": 2, "deleted_message_ids": ids}


def test_writes_whose_answers_are_all_lost_are_read_back(world: World, disturb: Call, runs_out: Call) -> None:
    ids = [world.message(1), world.message(2)]
    disturb("transact_write_items", LOST, done=True, forever=True)

    reply = call(delete_all, context=runs_out(2))

    assert reply.data == {"deleted": 2, "deleted_message_ids": ids}
    assert "error" not in reply.body


def test_what_cannot_even_be_read_back_is_said_to_be_in_doubt(
    world: World, disturb: Call, runs_out: Call
) -> None:
    world.message(1)
    disturb("transact_write_items", LOST, done=True, forever=True)
    disturb("batch_get_item", LOST, forever=True)

    reply = call(delete_all, context=runs_out(2))

    assert reply.data == {"deleted": 0, "deleted_message_ids": []}
    assert reply.body["error"] == {
        "code": "DELETE_FAILED",
        "message": "Stopped after 0 deletions: store unavailable. Repeating the request continues."
        " Up to 1 more may have been deleted without being listed.",
    }


def test_a_write_that_takes_effect_after_the_answer_was_owned_up_to(
    world: World, monkeypatch: pytest.MonkeyPatch, runs_out: Call
) -> None:
    """The store takes the writes, says nothing, and carries them out when the answer is long out."""
    late: list[Callable[[], Any]] = []
    monkeypatch.setattr(soft_delete, "LIMIT", 2)
    for number in range(3):
        world.message(number)
    real: Call = store().client.transact_write_items

    def taken_without_an_answer(**arguments: Any) -> Any:
        late.append(partial(real, **arguments))
        raise LOST

    monkeypatch.setattr(store().client, "transact_write_items", taken_without_an_answer)
    reply = call(delete_all, context=runs_out(2))
    for carry_out in late:
        with suppress(ClientError):  # the repetition of one that was carried out
            carry_out()

    assert reply.data["deleted"] == 0
    assert reply.body["error"]["message"].endswith("Up to 3 more may have been deleted without being listed.")
    assert len(world.deleted()) == 3


@pytest.mark.moto("over HTTP the SDK wraps the error that holds a request back")
def test_a_thread_that_is_held_up_until_after_the_answer_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, runs_out: Call
) -> None:
    world.message(1)
    real: Call = store().client.transact_write_items
    answered, over = Event(), Event()
    failed: list[Exception] = []

    def held_up(**arguments: Any) -> Any:
        answered.wait(timeout=60)
        try:
            return real(**arguments)
        except Exception as error:
            failed.append(error)
            raise
        finally:
            over.set()

    monkeypatch.setattr(store().client, "transact_write_items", held_up)
    reply = call(delete_all, context=runs_out(1))
    answered.set()
    assert over.wait(timeout=60)

    # What was never sent is not in doubt.
    assert reply.body["error"]["message"] == (
        "Stopped after 0 deletions: out of time. Repeating the request continues."
    )
    assert [type(error) for error in failed] == [HeldBack]
    assert world.deleted() == set()


def test_a_batch_whose_answer_was_lost_reports_deleted(world: World, disturb: Call) -> None:
    event = world.event(1)
    disturb("transact_write_items", LOST, done=True)

    reply = call(delete_batch, path={"id": PULL}, body={"message_ids": [event]})

    assert [result["outcome"] for result in reply.data["results"]] == ["deleted"]
