"""What a worker does for one task: a slice of a part of the bin, or of a background deletion."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from expunge import timestamps
from expunge.background import queue, rounds, tasks
from expunge.background.rounds import Asker, Round
from expunge.background.tasks import MalformedTask, Task
from expunge.deadline import Deadline
from expunge.deletions import runs
from expunge.deletions.asked import is_ahead
from expunge.deletions.brakes import Brakes
from expunge.deletions.due import Rule
from expunge.deletions.purging import remove_due_in
from expunge.deletions.share import Share
from expunge.errors import EnoughPurged, OutOfTime, Throttled
from expunge.history.carrying_out import State, Work
from expunge.history.notes import Place
from expunge.settings import settings
from expunge.table import keys
from expunge.table.store import Store
from expunge.telemetry import count

SLICE: Final = 30.0
"""Seconds that a worker spends on a task before others have their turn."""

# Seconds until an index that lags shows all.
_LAG = 60.0

Slice = tuple[dict[str, int], Sequence[Task], float]
"""What was done, the tasks for what is left, and the seconds after which they are to be done."""


def carry_out(store: Store, task: Task, time_left: Callable[[], int]) -> dict[str, Any]:
    """Do a slice of it, send a task for what is left, and return what was done and what became of the task.

    `time_left` tells the milliseconds until the function ends. Raises MalformedTask, PurgeFailed, StoreError.
    """
    deadline = slice_of(time_left)
    current = rounds.current(store, deadline)
    if current.id != task.round:
        count("purge", TasksDropped=1)
        return {"task": "dropped"}
    purging = task.work == "bin"
    done, again, delay = (
        _purge(store, task, current.asker, deadline) if purging else _sweep(store, task, deadline)
    )
    if again:
        queue.send(again, Deadline(time_left).for_reading_back(), delay)
    return {**done, "task": "again" if again else "done"}


def slice_of(time_left: Callable[[], int]) -> Deadline:
    """The time of one slice, or what the function has left if that is less. Other tasks are next."""
    reserve = max(0, time_left() - int(1000 * SLICE))
    return Deadline(lambda: time_left() - reserve)


def _purge(store: Store, task: Task, asker: Asker, deadline: Deadline) -> Slice:
    now = timestamps.parse(task.until)
    if is_ahead(now):
        raise MalformedTask("its time is ahead of the clock")
    rule = Rule(now, timedelta(days=settings().retention_days), settings().tombstone_days)
    shards = [keys.bin_shards()[number] for number in task.shards]
    share = None if asker.may_remove is None else Share(store, task.round)
    purged = remove_due_in(shards, store, rule, deadline, Brakes(store, 0, deadline, task.of, share))
    count("purge", Purged=purged.removed, DatedAnew=purged.dated_anew, ContentLeft=purged.content_left)
    purged.say_if_enough()
    # A count of 0 says that workers found nothing they could remove. One that has only dated messages anew so
    # far says nothing: what it can remove may come after these.
    if asker.run and (purged.removed or purged.in_doubt or purged.enough or not purged.dated_anew):
        enough = EnoughPurged.reason if purged.enough else None
        runs.count_for(store, asker.run, purged.removed, purged.in_doubt, enough)
    purged.raise_if_failed()
    # A worker that stops because the purge is paused sends no task: a scheduled run does after the pause.
    again = isinstance(purged.stopped, (OutOfTime, Throttled))
    done = {"purged": purged.removed} | ({"in_doubt": purged.in_doubt} if purged.in_doubt else {})
    return done, [task] if again else [], 0


def _sweep(store: Store, task: Task, deadline: Deadline) -> Slice:
    place = Place(task.pk, task.sk)
    part = Work(store, place, deadline, None if task.of == 1 else frozenset(task.shards))
    part.go_on(until=0)
    count("channel", Deleted=part.deleted)
    again: Sequence[Task] = []
    if part.state is State.WAITING:
        again = [task]
    elif part.state is State.OPEN:
        # What takes longer than a slice is divided.
        again = [task] if task.of > 1 else tasks.of_sweep(Round(task.round), *place, divided=True)
    return {"deleted": part.deleted}, again, _LAG if part.state is State.WAITING else 0
