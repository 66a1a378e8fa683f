"""The tasks that a run sends: what they say, how work is divided into them, how they come again."""

import json
from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from expunge import timestamps, timetokens
from expunge.background import queue as sending
from expunge.background import rounds
from expunge.background.tasks import MalformedTask, Task
from expunge.deadline import Deadline
from expunge.deletions.shortfall import Shortfall
from expunge.deletions.soft_delete import Deletion
from expunge.errors import OutOfTime, Unavailable
from expunge.history import notes, passes
from expunge.history.notes import Sweep
from expunge.table import keys
from purge import run as purge
from tests.clock import Clock
from tests.functions.spread import DELETED, MESSAGES, WORKERS, Queue, done, purged, too_short
from tests.world import SUB_KEY, Context, World, message_id

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
        SWEEP | {"part": 1},
        SWEEP | {"part": False},
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


def test_as_many_parts_are_good_as_there_are_shards() -> None:
    for task in (GOOD | {"part": 15, "of": 16}, SWEEP | {"part": 15, "of": 16}):
        assert Task.of_body(json.dumps(task)).shards == range(15, 16)


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


def test_a_sweep_that_is_set_aside_is_tried_again_while_work_is_spread(
    due: World, queue: Queue, clock: Clock
) -> None:
    too_short(clock)
    sweep = noted(due, 10, asked_ago=100)
    for _ in range(5):
        notes.failed(due.store, sweep.place, Deadline.never())
    queue.take()
    clock.run(300)

    assert purge({}, clock.invocation(270)) == {"purged": 0, "resumed": 1, "remaining": True}
    assert due.history("ch1") == []
    assert {Task.of_body(body).work for body in queue.take()} == {"bin"}


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
    assert Counter(owners)["SWEEP#sub-c-many"] == 3 * WORKERS
    assert Counter(owners)["SWEEP#sub-c-few"] == WORKERS


def test_background_deletions_for_which_a_run_has_no_time_go_to_workers(
    world: World, queue: Queue, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = noted(world, 3, asked_ago=100)

    def slow(*_: Any) -> Shortfall:
        clock.run(200)
        return Shortfall(OutOfTime())

    with monkeypatch.context() as patch:
        patch.setattr(passes, "soft_delete", slow)
        assert purge({}, clock.invocation(270)) == {"purged": 0, "resumed": 0, "remaining": True}

    tasks = [Task.of_body(body) for body in queue.take()]
    assert {(task.work, task.pk, task.sk) for task in tasks} == {("sweep", *sweep.place)}
    assert len(tasks) == WORKERS


def test_only_a_deletion_that_was_there_before_the_last_round_is_divided(
    due: World, queue: Queue, clock: Clock
) -> None:
    noted(due, 0, asked_ago=100, sub_key="sub-c-old")
    rounds.begin(due.store, Deadline.never())
    clock.run(1)
    noted(due, 0, asked_ago=0, sub_key="sub-c-new")

    assert purge({}, clock.invocation(270))["remaining"] is True

    tasks = Counter(task.pk for task in map(Task.of_body, queue.take()))
    assert (tasks["SWEEP#sub-c-old"], tasks["SWEEP#sub-c-new"]) == (WORKERS, 1)


def test_what_the_queue_did_not_take_is_sent_by_the_next_run(
    due: World, queue: Queue, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_one(**_: Any) -> Any:
        return {"Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}]}

    with monkeypatch.context() as patch:
        patch.setattr(sending._client(), "send_message_batch", refuse_one)  # noqa: SLF001 - it is cached
        with pytest.raises(Unavailable):
            sending.send([Task("bin", "r", 0, 1, "2026-10-01T00:00:00.000Z")], Deadline.never())
        first = too_short(clock)["purged"]
    assert queue.take() == []
    clock.run(300)

    assert purge({}, clock.invocation(270))["purged"] == 0
    assert worked_off(queue)["purged"] == MESSAGES - first == purged(due) - first


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
