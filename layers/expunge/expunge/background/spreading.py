"""What is left when a scheduled run has used its time is spread over several functions, until little is left.

As long as work is spread, scheduled runs remove nothing themselves. Each looks what is left and sends tasks
for all of it. These replace the tasks of the run before, some of which may have got lost. Runs go back to
working by themselves when all that was there before the last tasks were sent is gone, or when workers removed
nothing although they worked.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from expunge import timestamps
from expunge.background import queue, rounds, tasks
from expunge.background.rounds import Asker, Round
from expunge.deadline import Deadline
from expunge.deletions import runs
from expunge.deletions.purging import oldest_due
from expunge.errors import StoreError
from expunge.history import sweeps
from expunge.history.notes import Place
from expunge.settings import work_queue
from expunge.table.store import Store
from expunge.telemetry import count, logger


class Left(NamedTuple):
    """What there is to do: `oldest` is when the oldest message that is due was due, None if none is due.

    Workers do not try sweeps that are set `aside`.
    """

    oldest: str | None
    sweeps: Sequence[Place]
    aside: Sequence[Place] = ()


@dataclass(frozen=True, slots=True)
class Spreading:
    """How a run has workers do what is left.

    They remove what is due at `until`, and count it in the record that has the sort key `run`. All of them
    together may remove `most` messages, any number if it is 0.
    """

    store: Store
    until: datetime
    run: str
    most: int

    def taken_over(self, deadline: Deadline, *, purging: bool) -> Left | None:
        """As long as work is spread, have others carry out all that is left, and return it.

        Return None if the run is to work by itself, which it also does if the store fails. If not `purging`,
        only sweeps are looked at. Raises no StoreError.
        """
        if not work_queue():
            return None
        try:
            before = rounds.current(self.store, deadline)
            if not before.id:
                return None
            left = Left(
                oldest_due(self.store, self.until, deadline) if purging else None,
                *sweeps.look(self.store, deadline),
            )
            if not self._goes_on(left, before, deadline):
                rounds.end(self.store, deadline)
                return None
            self._spread(left, before.began_at, deadline)
        except StoreError as error:
            logger.warning("Whether work is spread is not known", extra={"reason": error.reason})
            return None
        return left

    def _goes_on(self, left: Left, before: Round, deadline: Deadline) -> bool:
        """Whether work stays spread: something older than the last round is left that workers can do."""
        if any(_asked_at(place) < before.began_at for place in left.sweeps):
            return True
        due = left.oldest is not None and left.oldest < before.began_at
        return due and not runs.idle(self.store, before.asker.run, deadline)

    def hand_over(
        self, oldest: str | None, since: datetime, removed: int, deadline: Deadline, *, sweeping: bool
    ) -> None:
        """Have others carry out what a run that began at `since` had no time for, if there is a queue.

        `oldest` is when the first message was due, None if the run got through all that are due; `sweeping`
        tells whether sweeps are left, and `removed` how many messages the run itself may have removed.
        Raises no StoreError: if the store fails, the next run goes on.
        """
        if not work_queue() or not (oldest or sweeping):
            return
        last = deadline.for_reading_back()
        try:
            left = Left(oldest, sweeps.look(self.store, last).left if sweeping else ())
            self._spread(left, timestamps.millis(since), last, removed)
        except StoreError as error:
            logger.warning("What is left was not spread", extra={"reason": error.reason})

    def _spread(self, left: Left, since: str, deadline: Deadline, removed: int = 0) -> None:
        """Begin a round with tasks for all that is left; a sweep that was there before is divided."""
        asker = Asker(self.run, max(0, self.most - removed) if self.most else None)
        new = rounds.begin(self.store, deadline, asker)
        keysets: defaultdict[str, list[tasks.Task]] = defaultdict(list)
        for place in left.sweeps:
            keysets[place.pk] += tasks.of_sweep(new, place.pk, place.sk, divided=_asked_at(place) < since)
        of_bin = tasks.of_bin(new, timestamps.millis(self.until)) if left.oldest else []
        all_of_them = list(tasks.in_turns([of_bin, *keysets.values()]))
        queue.send(all_of_them, deadline)
        count("purge", TasksSent=len(all_of_them))


def _asked_at(place: Place) -> str:
    return place.sk.partition("#")[0]
