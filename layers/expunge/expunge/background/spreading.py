"""What is left when a scheduled run has used its time goes to several functions, until little is left.

While it does, scheduled runs only look what is left and send tasks for all of it, in the place of those that
may have got lost. When nothing is left of what there was before the last time, or nothing that a worker could
remove, they work by themselves again.
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
    """What there is to do: when the first message was due that is, and sweeps."""

    oldest: str | None
    sweeps: Sequence[Place]


@dataclass(frozen=True, slots=True)
class Spreading:
    """How a run has others work: on what is due until then, by the sort key of its record.

    All of them together may remove `most` messages, any number if it is 0.
    """

    store: Store
    until: datetime
    run: str
    most: int

    def taken_over(self, deadline: Deadline, *, purging: bool) -> Left | None:
        """If work is spread: have all that is left carried out by others, and return it.

        Of sweeps alone if not `purging`. None if the run is to work by itself, also where the store does not
        tell. Raises nothing of the store.
        """
        if not work_queue():
            return None
        try:
            before = rounds.current(self.store, deadline)
            if not before.id:
                return None
            left = Left(
                oldest_due(self.store, self.until, deadline) if purging else None,
                sweeps.look(self.store, deadline),
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
        """Whether some is left of what there was before, and it is not what no worker could remove."""
        if any(_asked_at(place) < before.began_at for place in left.sweeps):
            return True
        due = left.oldest is not None and left.oldest < before.began_at
        return due and not runs.idle(self.store, before.asker.run, deadline)

    def hand_over(
        self, oldest: str | None, since: datetime, removed: int, deadline: Deadline, *, sweeping: bool
    ) -> None:
        """Have others carry out what a run that began at `since` has left, if there is anything and a queue.

        `oldest` is when the first message was due if the time did not suffice for all that are; `sweeping`
        tells whether it did not for sweeps, and `removed` how many messages the run itself has removed.
        Raises nothing of the store: the next run goes on.
        """
        if not work_queue() or not (oldest or sweeping):
            return
        last = deadline.for_reading_back()
        try:
            left = Left(oldest, sweeps.look(self.store, last) if sweeping else ())
            self._spread(left, timestamps.millis(since), last, removed)
        except StoreError as error:
            logger.warning("What is left was not spread", extra={"reason": error.reason})

    def _spread(self, left: Left, since: str, deadline: Deadline, removed: int = 0) -> None:
        """Begin a round with tasks for all that is left; a sweep that was there before is divided."""
        asker = Asker(self.run, self.most - removed if self.most else None)
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
