"""What a scheduled run cannot finish is spread over several functions by a queue."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from expunge import settings as deployment
from expunge import timestamps, timetokens
from expunge.background import rounds, worker
from expunge.background.rounds import Asker
from expunge.background.tasks import MalformedTask, Task
from expunge.deadline import Deadline
from expunge.deletions import brakes, holding, runs, share
from expunge.deletions.brakes import Brakes
from expunge.deletions.covered import Covered
from expunge.deletions.purged import Purged
from expunge.deletions.soft_delete import Deletion, Shortfall
from expunge.errors import OutOfTime, PurgeFailed, RoundOver, Throttled
from expunge.history import notes, passes
from expunge.history.notes import Sweep
from expunge.table import keys
from expunge.table.store import store
from purge import run as purge
from tests.clock import Clock
from tests.disturbances import pause_with_the_next_transaction
from tests.functions.spread import DELETED, WORKERS, Queue, done, purged, too_short
from tests.world import ACCOUNT, SUB_KEY, Context, World, message_id

MESSAGES = 16


@pytest.fixture
def due(world: World) -> World:
    """A world with messages that are due."""
    for number in range(MESSAGES):
        world.message(number, **DELETED)
    return world


def test_a_run_that_ends_in_time_sends_no_task(due: World, queue: Queue) -> None:
    assert purge({}, Context()) == {"purged": MESSAGES, "resumed": 0, "remaining": False}
    assert queue.take() == []
    assert rounds.current(due.store, Deadline.never()) == rounds.Round()


def test_what_a_run_leaves_is_done_by_workers_and_the_counts_add_up(
    due: World, queue: Queue, clock: Clock
) -> None:
    first = too_short(clock)["purged"]
    assert 0 < first < MESSAGES
    tasks = [Task.of_body(body) for body in queue.take()]
    assert sorted(shard for task in tasks for shard in task.shards) == list(range(keys.BIN_SHARDS))
    assert len(tasks) == WORKERS

    replies = [done(task.body()) for task in tasks]

    assert {reply["task"] for reply in replies} == {"done"}
    assert first + sum(reply["purged"] for reply in replies) == MESSAGES == purged(due)
    assert queue.take() == []


def test_a_task_that_is_not_done_in_a_slice_comes_again(
    due: World, queue: Queue, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_short(clock)
    body = queue.take()[0]
    monkeypatch.setattr(worker, "remove_due_in", lambda *_: Purged(3, 0, "x", Throttled()))

    assert done(body) == {"purged": 3, "task": "again"}
    assert queue.take() == [body]
    assert purged(due) < MESSAGES


def test_a_slice_is_30_seconds_of_a_longer_time() -> None:
    class Long(Context):
        left = 45_000

        def get_remaining_time_in_millis(self) -> int:
            return self.left

    context = Long()
    deadline = worker.slice_of(context.get_remaining_time_in_millis)
    assert deadline.to_end() == 30
    context.left -= 30_000
    assert deadline.to_end() == 0


def test_scheduled_runs_leave_the_work_to_the_workers_and_send_anew_what_got_lost(
    due: World, queue: Queue, clock: Clock
) -> None:
    too_short(clock)
    lost, before = queue.take(), purged(due)
    clock.run(300)

    assert purge({}, clock.invocation(270)) == {"purged": 0, "resumed": 0, "remaining": True}
    assert purged(due) == before
    again = queue.take()
    assert len(again) == len(lost)

    assert {done(body)["task"] for body in lost} == {"dropped"}
    assert purged(due) == before
    for body in again:
        done(body)
    assert purged(due) == MESSAGES

    assert purge({}, clock.invocation(270)) == {"purged": 0, "resumed": 0, "remaining": False}
    assert rounds.current(due.store, Deadline.never()) == rounds.Round()
    due.message(MESSAGES, **DELETED)
    assert purge({}, clock.invocation(270))["purged"] == 1
    assert queue.take() == []


def test_what_came_after_the_work_was_spread_does_not_keep_it_spread(
    due: World, queue: Queue, clock: Clock
) -> None:
    too_short(clock)
    for body in queue.take():
        done(body)
    clock.run(300)
    deleted_at, purge_at = (
        timestamps.millis(clock.began + timedelta(seconds=clock.seconds - ago)) for ago in (3e6, 1)
    )
    due.message(MESSAGES, **DELETED | {"deleted_at": deleted_at, "purge_at": purge_at})

    assert purge({}, clock.invocation(270))["purged"] == 1
    assert queue.take() == []


def test_what_nobody_can_remove_does_not_keep_work_spread(due: World, queue: Queue, clock: Clock) -> None:
    due.name_content(keys.message("INBOUND", ACCOUNT, message_id(0)), "s3://of-another/key")
    too_short(clock)
    for _ in range(2):
        for body in queue.take():
            done(body)
        clock.run(300)
        result = purge({}, clock.invocation(270))
    assert purged(due) == MESSAGES - 1

    assert result == {"purged": 0, "resumed": 0, "remaining": False, "content_left": 1}
    assert queue.take() == []
    assert rounds.current(due.store, Deadline.never()) == rounds.Round()


def test_what_is_released_while_work_is_spread_goes_from_the_next_run_on(
    due: World, queue: Queue, clock: Clock
) -> None:
    of_one = Covered(account_id=ACCOUNT, messages=(message_id(0),))
    hold = holding.place(due.store, of_one, reason="r", by="b", deadline=Deadline.never())
    clock.run(61)
    too_short(clock)
    for body in queue.take():
        done(body)
    assert purged(due) == MESSAGES - 1
    due.message(MESSAGES, **DELETED)
    holding.release(due.store, hold.id, by="b", deadline=Deadline.never())
    clock.run(300)

    assert purge({}, clock.invocation(270)) == {"purged": 0, "resumed": 0, "remaining": True}
    for body in queue.take():
        done(body)
    assert purged(due) == MESSAGES + 1


def test_a_store_that_fails_while_work_is_spread_is_told_as_that(
    due: World, queue: Queue, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_one = Covered(account_id=ACCOUNT, messages=(message_id(0),))
    holding.place(due.store, of_one, reason="r", by="b", deadline=Deadline.never())
    clock.run(61)
    too_short(clock)
    for body in queue.take():
        done(body)
    due.message(MESSAGES, **DELETED)
    clock.run(300)
    query = store().client.query

    def fail(**arguments: Any) -> Any:
        if arguments["ExpressionAttributeValues"][":pk"]["S"] in keys.parked_shards():
            raise ClientError(
                {"Error": {"Code": "AccessDeniedException"}, "ResponseMetadata": {"HTTPStatusCode": 400}},  # type: ignore[typeddict-item] # the rest is not read
                "Query",
            )
        return query(**arguments)

    monkeypatch.setattr(store().client, "query", fail)

    with pytest.raises(PurgeFailed, match="Stopped after 0 messages"):
        purge({}, clock.invocation(270))
    assert len(queue.take()) == WORKERS


def test_what_is_held_is_counted_while_work_is_spread(due: World, queue: Queue, clock: Clock) -> None:
    of_two = Covered(account_id=ACCOUNT, messages=(message_id(0), message_id(1)))
    holding.place(due.store, of_two, reason="r", by="b", deadline=Deadline.never())
    clock.run(61)
    too_short(clock)
    for body in queue.take():
        done(body)
    due.message(MESSAGES, **DELETED)
    clock.run(300)

    assert purge({}, clock.invocation(270)) == {"purged": 0, "resumed": 0, "remaining": True, "held": 2}


@pytest.fixture
def at_most_ten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One run may remove no more messages."""
    monkeypatch.setenv("PURGE_STOPS_ABOVE", "10")
    deployment.purge_stops_above.cache_clear()
    yield
    deployment.purge_stops_above.cache_clear()


def after_three(clock: Clock) -> None:
    """A scheduled run that had time for three messages, which the world no longer shows."""
    purged = Purged(3, 0, DELETED["purge_at"], OutOfTime())
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
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    assert [1] in [line.get("StoppedAtLimit") for line in lines]

    clock.run(300)
    purge({}, clock.invocation(270))
    assert sum(done(body)["purged"] for body in queue.take()) == MESSAGES - 7


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


def test_what_workers_remove_counts_in_the_record_of_their_run(
    due: World, queue: Queue, clock: Clock
) -> None:
    too_short(clock)
    for body in queue.take():
        done(body)
    [run] = runs.newest(due.store, Deadline.never())
    assert (run["purged"], run["stopped"]) == (MESSAGES, OutOfTime.reason)


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


@pytest.mark.parametrize("workers", range(1, keys.BIN_SHARDS + 1))
def test_what_may_be_on_its_way_at_a_pause_is_a_thousand_messages_for_any_number_of_workers(
    world: World, workers: int
) -> None:
    each = Brakes(world.store, 0, Deadline.never(), workers)
    assert workers * each.rows * (each.under_way + each.looks_every) <= 1000
    assert each.rows >= 12


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


@pytest.mark.usefixtures("due")
def test_a_store_that_fails_raises_so_that_the_queue_brings_the_task_again(
    queue: Queue, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_short(clock)
    bodies = queue.take()

    def refuse(**_: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(store().client, "transact_write_items", refuse)
    failed = 0
    for body in bodies:
        try:
            done(body)
        except PurgeFailed:
            failed += 1
    assert failed > 0
    assert queue.take() == []


GOOD = {"work": "bin", "round": "r", "part": 3, "of": 4, "until": "2026-10-01T00:00:00.000Z"}
SWEEP = {
    "work": "sweep",
    "round": "r",
    "part": 0,
    "of": 1,
    "pk": "SWEEP#sub-c-1",
    "sk": "2026-10-01T00:00:00.000Z#req_1",
}


@pytest.mark.parametrize(
    "task",
    [
        "",
        "no JSON",
        "[]",
        "null",
        "[" * 3000,
        GOOD | {"part": 4},
        GOOD | {"part": -1},
        GOOD | {"part": "3"},
        GOOD | {"part": True},
        GOOD | {"of": keys.BIN_SHARDS + 1},
        GOOD | {"of": 0},
        GOOD | {"of": 4.0},
        GOOD | {"until": "yesterday"},
        GOOD | {"until": "2999-01-01T00:00:00.000Z"},
        GOOD | {"until": 1},
        GOOD | {"round": ""},
        GOOD | {"round": None},
        GOOD | {"pk": "x"},
        GOOD | {"work": "everything"},
        GOOD | {"more": 1},
        {"work": "bin", "round": "r", "part": 0, "of": 1},
        {"work": "bin", "round": "r", "until": "2026-10-01T00:00:00.000Z"},
        SWEEP | {"pk": "INBOUND#acc_1#1"},
        SWEEP | {"sk": ""},
        SWEEP | {"of": 17},
        SWEEP | {"until": "2026-10-01T00:00:00.000Z"},
        SWEEP | {"sk": "x" * 5000},
    ],
)
def test_a_malformed_task_is_put_aside_and_removes_nothing(world: World, queue: Queue, task: Any) -> None:
    world.message(1, **DELETED)
    now = rounds.begin(world.store, Deadline.never())
    body = task if isinstance(task, str) else json.dumps({**task, "round": task["round"] and now.id})
    with pytest.raises(MalformedTask):
        done(body)
    assert (purged(world), queue.take()) == (0, [])


def noted(world: World, messages: int, asked_ago: float = 3600, sub_key: str = SUB_KEY) -> Sweep:
    """A background deletion of a channel with so many messages."""
    asked = timestamps.now() - timedelta(seconds=asked_ago)
    deletion = Deletion.of(f"req_{sub_key}", sub_key, asked, 30)
    now = timetokens.after(asked)
    world.channel_messages("ch1", *range(1000, 1000 + messages))
    sweep = Sweep(sub_key, ["ch1"], range(now), now, deletion)
    notes.put(world.store, sweep, Deadline.never())
    return sweep


def worked_off(queue: Queue, bodies: list[str] | None = None) -> Counter[str]:
    """Do all tasks to the end; counts of what was done."""
    counts = Counter[str]()
    waiting = queue.take() if bodies is None else bodies
    while waiting:
        for body in waiting:
            reply = done(body)
            counts.update({name: value for name, value in reply.items() if isinstance(value, int)})
            counts[reply["task"]] += 1
        waiting = queue.take()
    return counts


def test_a_sweep_that_takes_long_is_divided_and_complete_when_each_part_is(
    world: World, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = noted(world, 60)
    round_ = rounds.begin(world.store, Deadline.never())
    whole = Task("sweep", round_.id, 0, 1, pk=sweep.place.pk, sk=sweep.place.sk)
    with monkeypatch.context() as patch:
        patch.setattr(passes, "soft_delete", lambda *_: Shortfall(OutOfTime()))
        assert done(whole.body()) == {"deleted": 0, "task": "again"}

    parts = queue.take()
    shards = [shard for body in parts for shard in Task.of_body(body).shards]
    assert (len(parts), sorted(shards)) == (WORKERS, list(range(keys.CHANNEL_SHARDS)))
    counts = worked_off(queue, parts[1:])
    assert world.sweeps() == 1
    counts += worked_off(queue, parts[:1])

    assert counts["deleted"] == 60
    assert world.history("ch1") == []
    assert world.sweeps() == 0
    assert {done(body)["deleted"] for body in parts} == {0}


def test_a_part_waits_until_the_index_shows_all(world: World, queue: Queue) -> None:
    sweep = noted(world, 20, asked_ago=5)
    round_ = rounds.begin(world.store, Deadline.never())
    task = Task("sweep", round_.id, 3, 4, pk=sweep.place.pk, sk=sweep.place.sk)
    reply = done(task.body())
    assert reply["task"] == "again"
    assert queue.take() == []  # it is delayed
    attributes = queue.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesDelayed"] == "1"
    assert world.sweeps() == 1


def test_keysets_and_the_bin_take_turns(due: World, queue: Queue, clock: Clock) -> None:
    """A keyset with many background deletions has no more tasks before the first of another than one."""
    for number in range(3):
        noted(due, 0, asked_ago=100 + number, sub_key="sub-c-many")
    noted(due, 0, asked_ago=90, sub_key="sub-c-few")
    rounds.begin(due.store, Deadline.never())
    clock.run(1)
    assert purge({}, clock.invocation(270))["remaining"] is True

    order = [Task.of_body(body) for body in queue.take()]
    owners = [task.pk or "bin" for task in order]
    assert set(owners[:3]) == set(owners)
    assert Counter(owners)["bin"] == WORKERS
    assert Counter(owners)["SWEEP#sub-c-few"] == WORKERS


@pytest.mark.parametrize("seed", [1, 2])
def test_however_tasks_are_lost_and_repeated_all_is_purged_once_and_nothing_living(
    world: World, queue: Queue, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - the same tasks each time
    for number in range(12):
        world.message(number, **(DELETED if number % 3 else {}))
    total = 0
    for _ in range(2):
        round_ = rounds.begin(world.store, Deadline.never())
        now = timestamps.millis(timestamps.now())
        bodies = [Task("bin", round_.id, part, 8, now).body() for part in range(8)]
        total += worked_off(queue, random.choices(bodies, k=12))["purged"]
    rounds.end(world.store, Deadline.never())
    result = purge({}, Context())
    assert total + result["purged"] == 8 == purged(world)
    assert world.live() == {message_id(number) for number in (0, 3, 6, 9)}
