"""A request that dies, fails or runs out of time leaves the rest to the background."""

from collections.abc import Callable
from threading import Barrier
from typing import Any

import pytest

from expunge.deadline import Deadline
from expunge.deletions.soft_delete import soft_delete
from expunge.history import passes, records, restoring
from expunge.table.store import store
from tests.clock import Clock, SlowStore
from tests.disturbances import LateWrites
from tests.functions.history.deleting import DELETED, delete, refusal, refuse, resume
from tests.world import SUB_KEY, RunningOut, World


def fail_after(writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the store refuse all transactions but the first so many."""
    left = [store().client.transact_write_items] * writes

    def write(**arguments: Any) -> Any:
        return (left.pop() if left else refuse)(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", write)


@pytest.mark.parametrize("dies_after", [0, 1])
@pytest.mark.usefixtures("slices_of_two")
def test_a_function_that_dies_has_left_a_note_that_heals_it(
    world: World, monkeypatch: pytest.MonkeyPatch, dies_after: int
) -> None:
    world.channel_messages("ch1", *range(6))

    calls: list[int] = []

    def dying(*arguments: Any) -> Any:
        if len(calls) == dies_after:
            raise SystemExit
        calls.append(1)
        return soft_delete(*arguments)

    monkeypatch.setattr(passes, "soft_delete", dying)
    with pytest.raises(SystemExit):
        delete()
    monkeypatch.undo()

    assert len(world.history("ch1")) == 6 - 2 * dies_after
    assert world.sweeps() == 1
    assert resume() == (1, False)
    assert world.history("ch1") == []


@pytest.mark.usefixtures("slices_of_two")
def test_when_the_store_fails_on_the_way_the_rest_is_left_to_the_background(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.channel_messages("ch1", *range(6))
    fail_after(1, monkeypatch)

    assert delete().body == DELETED
    monkeypatch.undo()

    assert len(world.history("ch1")) == 4
    assert resume() == (1, False)
    assert world.history("ch1") == []


def test_a_deletion_that_cannot_be_noted_is_an_error_and_repeating_is_safe(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.channel_messages("ch1", 10)
    monkeypatch.setattr(store().client, "put_item", refuse)

    reply = delete()
    monkeypatch.undo()

    assert refusal(reply) == (500, "Not finished: store unavailable. Repeating the request is safe.")
    assert world.history("ch1") == [10]
    assert delete().status == 200
    assert world.history("ch1") == []


@pytest.mark.parametrize("seconds", [0.02, 0.3, 2.0])
def test_the_answer_goes_out_in_time_however_long_fifty_channels_take(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    for number in range(50):
        world.channel_messages(f"ch{number}", 1)
    slow = SlowStore(clock, seconds, monkeypatch)

    reply = delete(",".join(f"ch{number}" for number in range(50)), context=clock)

    assert (reply.status, reply.body) == (200, DELETED)
    assert clock.seconds < 8
    assert slow.calls < 800
    assert len(world.deleted()) < 50
    assert world.sweeps() == 1


@pytest.mark.usefixtures("slices_of_two")
def test_the_answer_goes_out_in_time_however_much_there_is_to_delete(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.channel_messages("ch1", *range(60))
    SlowStore(clock, 0.1, monkeypatch)

    assert delete(context=clock).body == DELETED

    assert clock.seconds < 8
    assert 0 < len(world.history("ch1")) < 60
    monkeypatch.undo()
    assert resume() == (1, False)
    assert world.history("ch1") == []


def test_queries_of_several_channels_are_made_at_once_and_not_too_many(
    world: World,  # noqa: ARG001 - before the store
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    query = store().client.query
    # Nobody gets past it alone: were fewer than four at work, the queries would fail.
    barrier = Barrier(4, timeout=10)
    at_work: list[int] = []
    most: list[int] = []

    def counted(**arguments: Any) -> Any:
        at_work.append(1)
        barrier.wait()
        most.append(len(at_work))
        barrier.wait()
        at_work.pop()
        return query(**arguments)

    monkeypatch.setattr(store().client, "query", counted)

    # A single message is in one part of each channel.
    assert delete("ch1,ch2,ch3,ch4", "start=2&end=1").status == 200
    assert most == [4, 4, 4, 4]


def test_what_was_deleted_without_an_answer_is_counted_when_somebody_asks(
    world: World, monkeypatch: pytest.MonkeyPatch, runs_out: Callable[..., RunningOut]
) -> None:
    world.channel_messages("ch1", *range(3))
    late = LateWrites.installed(monkeypatch)

    request_id = delete(context=runs_out(3)).headers["x-request-id"]
    late.land()
    resumed = resume()

    assert resumed.resumed == 0
    record = records.find(world.store, SUB_KEY, request_id, Deadline.never())
    assert record is not None
    assert record.deletion is not None
    assert restoring.count_deleted(world.store, SUB_KEY, record.deletion, 30, Deadline.never()) == 3
