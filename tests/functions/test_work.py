"""What a scheduled run cannot finish is spread over several functions by a queue."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from expunge import timestamps
from expunge.background import rounds, worker
from expunge.background.tasks import Task
from expunge.deadline import Deadline
from expunge.deletions import holding, runs
from expunge.deletions.covered import Covered
from expunge.deletions.purged import Purged
from expunge.errors import OutOfTime, PurgeFailed, Throttled
from expunge.table import keys
from expunge.table.store import store
from purge import run as purge
from tests.clock import Clock
from tests.disturbances import LateWrites
from tests.failing import raising
from tests.functions.bin import Logged
from tests.functions.spread import DELETED, MESSAGES, WORKERS, Queue, all_items, done, purged, too_short
from tests.world import ACCOUNT, Context, World, message_id


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


@pytest.mark.usefixtures("due")
def test_where_what_is_left_cannot_be_spread_the_run_ends_all_the_same(
    queue: Queue, clock: Clock, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rounds, "begin", raising(Throttled()))
        first = too_short(clock)["purged"]

    [line] = [line for line in logged() if line.get("level") == "WARNING"]
    assert (line["message"], line["reason"]) == ("What is left was not spread", "store throttled")
    assert queue.take() == []
    assert purge({}, clock.invocation(270))["purged"] == MESSAGES - first


@pytest.mark.usefixtures("queue")
def test_where_it_is_not_known_whether_work_is_spread_a_run_does_all_by_itself(
    due: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    monkeypatch.setattr(rounds, "current", raising(Throttled()))

    assert purge({}, clock.invocation(270))["purged"] == MESSAGES == purged(due)
    [line] = [line for line in logged() if line.get("level") == "WARNING"]
    assert (line["message"], line["reason"]) == ("Whether work is spread is not known", "store throttled")


def test_a_worker_counts_nothing_for_a_run_whose_record_is_gone(
    due: World, queue: Queue, clock: Clock
) -> None:
    too_short(clock)
    for run in [item for item in all_items(due) if item["pk"]["S"] == keys.PURGE_RUN]:
        due.store.client.delete_item(TableName=due.store.table, Key={"pk": run["pk"], "sk": run["sk"]})

    for body in queue.take():
        assert done(body)["task"] == "done"

    assert list(runs.newest(due.store, Deadline.never())) == []
    assert purged(due) == MESSAGES


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


def test_what_workers_remove_counts_in_the_record_of_their_run(
    due: World, queue: Queue, clock: Clock
) -> None:
    too_short(clock)
    for body in queue.take():
        done(body)
    [run] = runs.newest(due.store, Deadline.never())
    assert (run["purged"], run["stopped"]) == (MESSAGES, OutOfTime.reason)
    assert "in_doubt" not in run


def test_what_a_worker_may_have_removed_is_told_in_the_record_of_its_run(
    due: World, queue: Queue, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = too_short(clock)["purged"]
    bodies = queue.take()
    late = LateWrites.installed(monkeypatch)
    for body in bodies:
        with suppress(PurgeFailed):  # a part may have nothing that is due
            done(body, clock.invocation(45))
    late.land()

    [run] = runs.newest(due.store, Deadline.never())
    assert (run["purged"], run["in_doubt"]) == (first, MESSAGES - first)
    assert purged(due) == MESSAGES


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
