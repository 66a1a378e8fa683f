"""A part of what a scheduled run could not finish: a shard of the bin, or a background deletion."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import expunge.cold_start  # noqa: F401 - before all others
from expunge import timestamps
from expunge.deadline import Context, Deadline
from expunge.deletions import runs, work
from expunge.deletions.asked import is_ahead
from expunge.deletions.brakes import Brakes
from expunge.deletions.due import Rule
from expunge.deletions.purging import remove_due_in
from expunge.deletions.share import Share
from expunge.deletions.work import Asker, MalformedTask, Round, Task
from expunge.errors import EnoughPurged, OutOfTime, PurgeFailed, Throttled, Unavailable
from expunge.history.carrying_out import State, Work
from expunge.history.notes import Place
from expunge.settings import settings
from expunge.table import keys
from expunge.table.store import store
from expunge.telemetry import count, logger

# Seconds until an index that lags shows all.
_LAG = 60.0


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Do a slice of the one task that the event brings, and send the task again if something is left.

    Return how many messages were purged or deleted, and what became of the task: `done`, `again`, or
    `dropped` because a later round has taken its place.

    A malformed task removes nothing and raises, and so does a store that fails: the queue brings the message
    again, and in the end puts it aside.
    """
    with logger.append_context_keys(request_id=context.aws_request_id):
        try:
            return run(event["Records"][0]["body"], context)
        except MalformedTask as error:
            logger.error("A task is malformed", extra={"reason": str(error)})
            raise
        except Exception:
            logger.exception("A task failed")
            raise


def run(body: str, context: Context) -> dict[str, Any]:
    """Do what the handler does with the body of a message."""
    task = Task.of_body(body)
    deadline = _slice(context)
    current = work.current(store(), deadline)
    if current.id != task.round:
        count("purge", TasksDropped=1)
        return {"task": "dropped"}
    purging = task.work == "bin"
    done, again, delay = _purge(task, current.asker, deadline) if purging else _sweep(task, deadline)
    if again:
        work.send(again, Deadline(context.get_remaining_time_in_millis).for_reading_back(), delay)
    return {**done, "task": "again" if again else "done"}


def _slice(context: Context) -> Deadline:
    """The time until others have their turn, or that the function has left if that is less."""
    time_left = context.get_remaining_time_in_millis
    reserve = max(0, time_left() - int(1000 * work.SLICE))
    return Deadline(lambda: time_left() - reserve)


def _purge(task: Task, asker: Asker, deadline: Deadline) -> tuple[dict[str, int], Sequence[Task], float]:
    now = timestamps.parse(task.until)
    if is_ahead(now):
        raise MalformedTask("its time is ahead of the clock")
    rule = Rule(now, timedelta(days=settings().retention_days), settings().tombstone_days)
    shards = [keys.bin_shards()[number] for number in task.shards]
    share = None if asker.may_remove is None else Share(store(), task.round)
    purged = remove_due_in(shards, store(), rule, deadline, Brakes(store(), 0, deadline, task.of, share))
    count("purge", Purged=purged.removed, DatedAnew=purged.dated_anew, ContentLeft=purged.content_left)
    purged.say_if_enough()
    if asker.run and (purged.removed or purged.enough):
        runs.count_for(store(), asker.run, purged.removed, EnoughPurged.reason if purged.enough else None)
    if isinstance(purged.stopped, Unavailable):
        raise PurgeFailed(purged.stopped, purged.removed, 0) from purged.stopped
    # What is paused goes on when a scheduled run finds that it may.
    again = isinstance(purged.stopped, (OutOfTime, Throttled))
    return {"purged": purged.removed}, [task] if again else [], 0


def _sweep(task: Task, deadline: Deadline) -> tuple[dict[str, int], Sequence[Task], float]:
    place = Place(task.pk, task.sk)
    part = Work(store(), place, deadline, None if task.of == 1 else frozenset(task.shards))
    part.go_on(until=0)
    count("channel", Deleted=part.deleted)
    again: Sequence[Task] = []
    if part.state is State.WAITING:
        again = [task]
    elif part.state is State.OPEN:
        # What takes longer than a slice is divided.
        again = [task] if task.of > 1 else work.of_sweep(Round(task.round), *place, divided=True)
    return {"deleted": part.deleted}, again, _LAG if part.state is State.WAITING else 0
