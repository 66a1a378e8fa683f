"""An answer never claims less than it may have done: writes that land after it are owned up to."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from delete_channel_history import handler as delete_history
from delete_inbound_messages import handler as delete_all
from delete_pull_event_batch import handler as delete_batch
from expunge.deadline import Deadline
from expunge.deletions import soft_delete
from expunge.history import sweeps
from expunge.table import at_once
from expunge.table.store import store
from tests.deletions import look
from tests.disturbances import LateWrites
from tests.world import PULL, SUB_KEY, Reply, RunningOut, World, call


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.customer()
    world.keyset()


def owned_up_to(reply: Reply) -> int:
    """How many messages an answer says may have been deleted without being listed."""
    more = re.search(r"(\d+) more", reply.body.get("error", {}).get("message", ""))
    return int(more[1]) if more else 0


def test_what_is_flagged_after_the_answer_was_said_to_be_in_doubt(
    world: World, monkeypatch: pytest.MonkeyPatch, runs_out: Callable[..., RunningOut]
) -> None:
    for number in range(3):
        world.message(number)
    late = LateWrites.installed(monkeypatch)

    reply = call(delete_all, context=runs_out(3))
    assert late.land() == 1

    assert reply.data == {"deleted": 0, "deleted_message_ids": []}
    assert reply.body["error"]["code"] == "DELETE_FAILED"
    assert owned_up_to(reply) == len(world.deleted()) == 3


def test_what_is_in_doubt_is_told_of_a_deletion_until_it_is_known(
    world: World, monkeypatch: pytest.MonkeyPatch, runs_out: Callable[..., RunningOut]
) -> None:
    for number in range(3):
        world.message(number)
    late = LateWrites.installed(monkeypatch)
    reply = call(delete_all, context=runs_out(3))

    def told() -> tuple[int, int]:
        data = look(reply).data
        return data["deleted"], data["in_doubt"]

    assert told() == (0, 3)
    late.land()
    assert told() == (3, 0)


def test_what_was_committed_is_told_apart_from_what_is_in_doubt(
    world: World, monkeypatch: pytest.MonkeyPatch, runs_out: Callable[..., RunningOut]
) -> None:
    monkeypatch.setattr(soft_delete, "LIMIT", 2)
    monkeypatch.setattr(at_once, "_AT_ONCE", 1)
    ids = [world.message(number) for number in range(5)]
    late = LateWrites.installed(monkeypatch, after=1)

    reply = call(delete_all, context=runs_out(3))
    assert reply.data == {"deleted": 2, "deleted_message_ids": ids[:2]}
    assert reply.body["error"]["code"] == "PARTIAL_DELETE_FAILURE"
    late.land()

    assert set(ids[:2]) < world.deleted()
    assert owned_up_to(reply) >= len(world.deleted()) - 2


def test_a_write_that_lands_before_it_is_repeated_is_reported_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [world.message(number) for number in range(3)]
    late = LateWrites.installed(monkeypatch, lands_with=2)

    reply = call(delete_all)

    assert reply.data == {"deleted": 3, "deleted_message_ids": ids}
    assert set(reply.body) == {"data", "meta"}
    assert world.deleted() == set(ids)
    assert not late.held


def test_a_batch_whose_write_lands_late_was_not_answered_as_done_and_can_be_repeated(
    world: World, monkeypatch: pytest.MonkeyPatch, runs_out: Callable[..., RunningOut]
) -> None:
    ids = [world.event(1), world.event(2)]
    late = LateWrites.installed(monkeypatch)
    how: Any = {"path": {"id": PULL}, "body": {"message_ids": ids}}

    assert call(delete_batch, **how, context=runs_out(3)).status == 500
    late.land()

    outcomes = [result["outcome"] for result in call(delete_batch, **how).data["results"]]
    assert outcomes == ["already_deleted", "already_deleted"]
    assert world.deleted() == set(ids)


def test_a_channel_whose_write_lands_late_is_finished_in_the_background(
    world: World, monkeypatch: pytest.MonkeyPatch, runs_out: Callable[..., RunningOut]
) -> None:
    world.channel_messages("ch1", 10, 20)
    late = LateWrites.installed(monkeypatch)

    path = {"sub_key": SUB_KEY, "channels": "ch1"}
    assert call(delete_history, path=path, context=runs_out(3)).status == 200
    assert world.sweeps() == 1
    late.land()
    sweeps.resume(store(), Deadline(lambda: 29_000))

    assert world.history("ch1") == []
