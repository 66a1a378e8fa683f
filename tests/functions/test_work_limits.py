"""What ends the work of a run and of its workers together: the most that one run may remove, and a pause."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from expunge import settings as deployment
from expunge import timestamps
from expunge.background import rounds, worker
from expunge.background.rounds import Asker
from expunge.background.tasks import Task
from expunge.deadline import Deadline
from expunge.deletions import brakes, runs, share
from expunge.deletions.brakes import Brakes
from expunge.deletions.purged import Purged
from expunge.errors import OutOfTime, RoundOver
from expunge.table import keys
from expunge.table.store import store
from purge import run as purge
from tests.clock import Clock
from tests.disturbances import pause_with_the_next_transaction
from tests.functions.spread import DELETED, MESSAGES, Queue, done, purged, too_short
from tests.world import ACCOUNT, World, message_id


@pytest.fixture
def at_most_ten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One run may remove no more messages."""
    monkeypatch.setenv("PURGE_STOPS_ABOVE", "10")
    deployment.purge_stops_above.cache_clear()
    yield
    deployment.purge_stops_above.cache_clear()


def after_three(clock: Clock, in_doubt: int = 0) -> None:
    """A scheduled run that had time for three messages, which the world no longer shows."""
    purged = Purged(3, 0, DELETED["purge_at"], OutOfTime(), in_doubt=in_doubt)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("expunge.background.scheduled.remove_due", lambda *_: purged)
        assert purge({}, clock.invocation(270))["purged"] == 3


@pytest.mark.usefixtures("at_most_ten")
@pytest.mark.parametrize("at_once", [1, 4, 1000])
def test_a_run_and_its_workers_together_remove_as_many_as_one_run_may_and_say_so(
    due: World,
    queue: Queue,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    at_once: int,
) -> None:
    monkeypatch.setattr(share, "TAKEN_AT_ONCE", at_once)
    after_three(clock)
    replies = [done(body) for body in queue.take()]

    assert purged(due) == 10 - 3
    assert {reply["task"] for reply in replies} == {"done"}
    assert queue.take() == []
    [run] = runs.newest(due.store, Deadline.never())
    assert (run["purged"], run["stopped"]) == (10, "as many as one run may remove")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["family"] for line in lines if line.get("StoppedAtLimit") == [1]} == {"purge"}
    counted = [(line["Purged"], line["DatedAnew"], line["ContentLeft"]) for line in lines if "Purged" in line]
    assert sum(count for [count], _, _ in counted) == 10
    assert {(*anew, *left) for _, anew, left in counted} == {(0, 0)}

    clock.run(300)
    purge({}, clock.invocation(270))
    assert sum(done(body)["purged"] for body in queue.take()) == MESSAGES - 7


@pytest.mark.usefixtures("at_most_ten")
def test_workers_remove_no_more_than_is_left_if_all_is_gone_that_the_run_is_not_sure_of(
    due: World, queue: Queue, clock: Clock
) -> None:
    after_three(clock, in_doubt=2)

    assert sum(done(body)["purged"] for body in queue.take()) == purged(due) == 10 - 3 - 2


@pytest.mark.usefixtures("at_most_ten")
def test_a_worker_that_dies_takes_what_it_might_have_removed_along(
    due: World, queue: Queue, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_three(clock)
    bodies = queue.take()
    monkeypatch.setattr(share, "TAKEN_AT_ONCE", 2)
    lost = share.Share(due.store, Task.of_body(bodies[0]).round)
    assert lost.take(Deadline.never()) == 2
    assert rounds.current(due.store, Deadline.never()).asker.may_remove == 7 - 2

    assert sum(done(body)["purged"] for body in bodies) == purged(due) == 7 - 2


def test_workers_of_another_round_may_remove_nothing(world: World) -> None:
    earlier, _ = (rounds.begin(world.store, Deadline.never(), Asker("", 10)) for _ in range(2))
    with pytest.raises(RoundOver):
        share.Share(world.store, earlier.id).take(Deadline.never())


@pytest.mark.usefixtures("at_most_ten", "queue")
def test_a_worker_whose_round_is_over_stops_and_does_not_say_that_too_much_was_removed(
    due: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(share, "TAKEN_AT_ONCE", 1)
    after_three(clock)
    round_ = rounds.current(due.store, Deadline.never())
    client: Any = store().client
    write = client.transact_write_items

    def begin(**arguments: Any) -> Any:
        rounds.begin(due.store, Deadline.never(), Asker("", 10))
        return write(**arguments)

    monkeypatch.setattr(client, "transact_write_items", begin)
    body = Task("bin", round_.id, 0, 1, timestamps.millis(timestamps.now())).body()

    assert done(body) == {"purged": 1, "task": "done"}
    assert "StoppedAtLimit" not in capsys.readouterr().out
    [run] = runs.newest(due.store, Deadline.never())
    assert (run["purged"], run["stopped"]) == (4, OutOfTime.reason)


def test_a_limit_costs_a_worker_two_writes_a_slice_and_one_a_thousand_messages(
    due: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = Counter[int | None]()
    update = store().client.update_item
    for limit in (None, 5000):
        round_ = rounds.begin(due.store, Deadline.never(), Asker("", limit))
        due.message(100 + (limit or 0), **DELETED)

        def count(limit: int | None = limit, **arguments: Any) -> Any:
            writes[limit] += 1
            return update(**arguments)

        monkeypatch.setattr(store().client, "update_item", count)
        body = Task("bin", round_.id, 0, 1, timestamps.millis(timestamps.now())).body()
        assert done(body)["purged"] > 0
        monkeypatch.undo()
    assert writes == {5000: 2}


def test_a_pause_stops_all_workers_of_a_run_within_a_thousand_messages(
    world: World, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here within a hundred, so a worker of four within 25; the transaction before the pause has five."""
    monkeypatch.setattr(brakes, "STOPS_WITHIN", 100)
    shards = [keys.bin_shards()[number] for number in range(0, keys.BIN_SHARDS, 4)]
    numbers = (
        n for n in range(400) if keys.bin_shard(keys.message("INBOUND", ACCOUNT, message_id(n))) in shards
    )
    for number in islice(numbers, 60):
        world.message(number, **DELETED)
    round_ = rounds.begin(world.store, Deadline.never())
    pause_with_the_next_transaction(monkeypatch)
    body = Task("bin", round_.id, 0, 4, timestamps.millis(timestamps.now())).body()

    assert 0 < done(body)["purged"] == purged(world) <= 5 + 25
    assert queue.take() == []


def test_what_may_be_on_its_way_at_a_pause_is_a_thousand_messages_for_any_number_of_workers(
    world: World,
) -> None:
    for workers in range(1, keys.BIN_SHARDS + 1):
        each = Brakes(world.store, 0, Deadline.never(), workers)
        assert workers * each.rows * (each.under_way + each.looks_every) <= 1000, workers
        assert each.rows >= 12, workers


def test_a_pause_stops_workers_and_ends_their_tasks(due: World, queue: Queue, clock: Clock) -> None:
    too_short(clock)
    before = purged(due)
    brakes.write(due.store, paused=True, by="operator", deadline=Deadline.never())

    assert {done(body)["task"] for body in queue.take()} == {"done"}
    assert purged(due) == before
    clock.run(300)
    result = purge({}, clock.invocation(270))
    assert (result["purged"], result["paused"]) == (0, True)

    brakes.write(due.store, paused=False, by="operator", deadline=Deadline.never())
    assert purge({}, clock.invocation(270))["purged"] + before == MESSAGES


def test_what_a_worker_may_have_removed_counts_also_where_it_dated_messages_anew(
    due: World, queue: Queue, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_short(clock)
    told = Purged(0, 1, DELETED["purge_at"], OutOfTime(), in_doubt=2)
    monkeypatch.setattr(worker, "remove_due_in", lambda *_: told)

    assert done(queue.take()[0]) == {"purged": 0, "in_doubt": 2, "task": "again"}

    [run] = runs.newest(due.store, Deadline.never())
    assert run["in_doubt"] == 2
