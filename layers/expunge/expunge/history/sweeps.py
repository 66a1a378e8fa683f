"""Background deletions: sweeps are carried out to their end, the keysets taking turns.

A sweep is complete when a pass has deleted nothing that began after the index showed all that was stored
before the request. Only then does its note give way to a record.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.record import Progress
from expunge.errors import OutOfTime, StoreError, Throttled
from expunge.history import notes, records
from expunge.history.notes import Place, Sweep
from expunge.history.passes import delete_found
from expunge.settings import settings
from expunge.table.store import Store
from expunge.telemetry import count, logger, seconds

# Seconds of a keyset's turns. The first one is short, because most sweeps are small, and there may be many
# large ones.
_FIRST_TURN = 1.0
_TURN = 10.0
# Seconds after which a run looks for sweeps that have come since.
_LISTED_AGAIN = 10.0
# Passes of a sweep in one run. The last one usually deletes nothing; an index that lags may show again and
# again what is deleted already.
_PASSES = 3
# Runs that may fail to carry out a sweep before it is set aside.
_ATTEMPTS = 5


class Resumed(NamedTuple):
    """What a run did: sweeps that it deleted something for, and whether the next run has to go on with some.

    Neither a sweep that waits for the index nor one that is set aside is among those to go on with.
    """

    resumed: int
    remaining: bool


def resume(store: Store, deadline: Deadline) -> Resumed:
    """Go on with sweeps until none is left that can be gone on with, or time is up. Runs may overlap.

    Raises nothing of the store: what fails remains for the next run.
    """
    run = _Run(store, deadline)
    complete = run.work()
    run.publish(complete=complete)
    return Resumed(run.count_resumed(), not complete or run.any_left())


class _State(Enum):
    OPEN = "open"
    COMPLETE = "complete"
    WAITING = "waiting for the index"
    FAILED = "failed"
    SET_ASIDE = "set aside"


@dataclass(slots=True)
class _Work:
    """What a run does for one sweep."""

    store: Store
    place: Place
    deadline: Deadline
    state: _State = _State.OPEN
    deleted: int = 0
    steps: Iterator[None] = field(init=False)

    def __post_init__(self) -> None:
        self.steps = self._steps(set_aside_after=_ATTEMPTS)

    def go_on(self, until: float) -> bool:
        """Work until the deadline has `until` seconds left; True if this run is through with the sweep."""
        try:
            for _ in self.steps:
                if self.deadline.to_end() <= until:
                    return False
        except (OutOfTime, Throttled) as error:
            logger.info("Sweep to be resumed", extra={"sweep": self.place.sk, "reason": error.reason})
        except Exception:
            # Whatever is wrong with this one, the others can do without it.
            logger.exception("A sweep failed", extra={"sweep": self.place.sk})
            self._failed()
        return True

    def try_again(self, until: float) -> None:
        """Give a sweep that is set aside another chance: what kept it from being carried out may be over."""
        self.steps = self._steps(set_aside_after=None)
        self.go_on(until)
        if self.state is _State.FAILED or (self.state is _State.OPEN and not self.deleted):
            self.state = _State.SET_ASIDE

    def _steps(self, set_aside_after: int | None) -> Iterator[None]:
        item = notes.read(self.store, self.place, self.deadline)
        if item is None:
            self.state = _State.COMPLETE
            return
        failures = notes.failures(item)
        if set_aside_after is not None and failures >= set_aside_after:
            self.state = _State.SET_ASIDE
            return
        sweep = Sweep.of(item)
        self.state = _State.OPEN
        for _ in range(_PASSES):
            began, before = timestamps.now(), self.deleted
            for deleted in delete_found(self.store, sweep, self.deadline):
                self.deleted += deleted
                if deleted and failures:
                    notes.progressed(self.store, self.place, self.deadline)
                    failures = 0
                if deleted and not notes.exists(self.store, self.place, self.deadline):
                    # Another run has completed it, or a restore has ended it.
                    self.state = _State.COMPLETE
                    return
                yield
            if self.deleted == before:
                self._nothing_found(sweep, late_enough=began >= sweep.all_shown_at)
                return

    def _nothing_found(self, sweep: Sweep, *, late_enough: bool) -> None:
        if late_enough:
            records.end(self.store, sweep, Progress.DONE, settings().deletion_record_days, self.deadline)
        self.state = _State.COMPLETE if late_enough else _State.WAITING

    def _failed(self) -> None:
        self.state = _State.FAILED
        try:
            notes.failed(self.store, self.place, self.deadline)
        except StoreError as error:
            logger.info("A failure was not counted", extra={"sweep": self.place.sk, "reason": error.reason})


@dataclass(slots=True)
class _Keyset:
    """A keyset's sweeps that this run is not through with, oldest first."""

    works: deque[_Work] = field(default_factory=deque)
    turn: float = _FIRST_TURN

    def take_turn(self, deadline: Deadline) -> None:
        until = deadline.to_end() - self.turn
        self.turn = _TURN
        while self.works and deadline.to_end() > until and deadline.to_start() > 0:
            if self.works[0].go_on(until):
                self.works.popleft()


class _Run:
    """One run over all sweeps."""

    def __init__(self, store: Store, deadline: Deadline) -> None:
        self._store = store
        self._deadline = deadline
        self._works: dict[Place, _Work] = {}
        self._turns: deque[_Keyset] = deque()
        self._keysets: dict[str, _Keyset] = {}
        self._listed_until = deadline.to_end()

    def work(self) -> bool:
        """Take turns until nothing is left to do or time is up; True if all sweeps could be listed."""
        known = self._look()
        while self._turns and self._deadline.to_start() > 0:
            keyset = self._turns.popleft()
            keyset.take_turn(self._deadline)
            if keyset.works:
                self._turns.append(keyset)
            if self._turns and self._deadline.to_end() <= self._listed_until:
                known = self._look()
        self._try_again()
        return known

    def count_resumed(self) -> int:
        return sum(work.deleted > 0 for work in self._works.values())

    def any_left(self) -> bool:
        return any(work.state in (_State.OPEN, _State.FAILED) for work in self._works.values())

    def publish(self, *, complete: bool) -> None:
        """Tell what was done, how many sweeps are set aside and, if all are known, how old the oldest is."""
        aside = [work.place.sk for work in self._works.values() if work.state is _State.SET_ASIDE]
        if aside:
            logger.error(
                "Sweeps are set aside because they fail again and again", extra={"sweeps": aside[:10]}
            )
        deleted = sum(work.deleted for work in self._works.values())
        count("channel", Deleted=deleted, Resumed=self.count_resumed(), SweepsSetAside=len(aside))
        if complete:
            seconds("channel", OldestSweepAge=self._oldest())

    def _look(self) -> bool:
        """Find sweeps that are not known yet and have their keysets take the next turns."""
        self._listed_until = self._deadline.to_end() - _LISTED_AGAIN
        try:
            for place in notes.listed(self._store, self._deadline):
                if place not in self._works:
                    self._add(place)
        except StoreError as error:
            logger.info("Not all sweeps could be listed", extra={"reason": error.reason})
            return False
        return True

    def _add(self, place: Place) -> None:
        work = self._works[place] = _Work(self._store, place, self._deadline)
        keyset = self._keysets.setdefault(place.pk, _Keyset())
        if not keyset.works:
            self._turns.appendleft(keyset)
        keyset.works.append(work)

    def _try_again(self) -> None:
        for work in self._works.values():
            if work.state is _State.SET_ASIDE and self._deadline.to_start() > 0:
                work.try_again(self._deadline.to_end() - _TURN)

    def _oldest(self) -> float:
        """Seconds since the oldest sweep was asked for that is neither complete nor set aside."""
        ages = [
            work.place.age(timestamps.now())
            for work in self._works.values()
            if work.state not in (_State.COMPLETE, _State.SET_ASIDE)
        ]
        return max(ages, default=0.0)
