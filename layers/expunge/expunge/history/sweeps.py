"""A run over all deletions of channel history that are not complete (sweeps). Keysets take turns."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.errors import StoreError
from expunge.history import notes
from expunge.history.carrying_out import ATTEMPTS, State, Work
from expunge.history.notes import Place
from expunge.table.store import Store
from expunge.telemetry import count, logger, seconds

# Seconds of a keyset's turns. The first one is short: most sweeps are small and end in it, and they need not
# wait long for those that do not.
_FIRST_TURN = 1.0
_TURN = 10.0
# Seconds after which a run looks for sweeps that have come since.
_LISTED_AGAIN = 10.0


class Resumed(NamedTuple):
    """For how many sweeps a run deleted something, and whether the next run has to go on with any.

    A sweep that only waits for the index, or is set aside, is none to go on with.
    """

    resumed: int
    remaining: bool


def resume(store: Store, deadline: Deadline) -> Resumed:
    """Carry out sweeps until there is nothing to do for any, or time is up. Runs may overlap.

    Raises no StoreError: what fails remains for the next run.
    """
    run = _Run(store, deadline)
    complete = run.work()
    run.publish(complete=complete)
    return Resumed(run.count_resumed(), not complete or run.any_left())


class Looked(NamedTuple):
    """Sweeps to go on with, and those that are set aside."""

    left: Sequence[Place] = ()
    aside: Sequence[Place] = ()


def look(store: Store, deadline: Deadline) -> Looked:
    """Find all sweeps without carrying out any, and publish as a metric how old the oldest is.

    Raises no StoreError: what cannot be read is left out.
    """
    run = _Run(store, deadline)
    run.publish(complete=run.only_look())
    return Looked(run.of_state(State.OPEN), run.of_state(State.SET_ASIDE))


def try_again(store: Store, aside: Sequence[Place], deadline: Deadline) -> int:
    """Try sweeps that are set aside, as long as there is time. Return for how many something was deleted.

    Those are no longer set aside. Raises no StoreError.
    """
    run = _Run(store, deadline)
    run.try_again(aside)
    return run.count_resumed()


@dataclass(slots=True)
class _Keyset:
    """A keyset's sweeps that this run is not through with, oldest first."""

    works: deque[Work] = field(default_factory=deque)
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
        self._works: dict[Place, Work] = {}
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

    def only_look(self) -> bool:
        """Find the sweeps and which are set aside; True if all could be read."""
        try:
            for place in notes.listed(self._store, self._deadline):
                item = notes.read(self._store, place, self._deadline)
                if item is not None:
                    self._add(place)
                    if notes.failures(item) >= ATTEMPTS:
                        self._works[place].state = State.SET_ASIDE
        except StoreError as error:
            logger.info("Not all sweeps could be read", extra={"reason": error.reason})
            return False
        return True

    def try_again(self, aside: Sequence[Place]) -> None:
        """Try only these, which are set aside, and publish what was done."""
        for place in aside:
            self._add(place)
            self._works[place].state = State.SET_ASIDE
        self._try_again()
        self.publish(complete=False)

    def of_state(self, state: State) -> Sequence[Place]:
        """The sweeps with which this run got that far."""
        return [place for place, work in self._works.items() if work.state is state]

    def count_resumed(self) -> int:
        return sum(work.deleted > 0 for work in self._works.values())

    def any_left(self) -> bool:
        return any(work.state in (State.OPEN, State.FAILED) for work in self._works.values())

    def publish(self, *, complete: bool) -> None:
        """Publish as metrics what was done, how many sweeps are set aside and how old the oldest one is.

        The last is left out unless the list of sweeps is `complete`.
        """
        aside = [work.place.sk for work in self._works.values() if work.state is State.SET_ASIDE]
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
        work = self._works[place] = Work(self._store, place, self._deadline)
        keyset = self._keysets.setdefault(place.pk, _Keyset())
        if not keyset.works:
            self._turns.appendleft(keyset)
        keyset.works.append(work)

    def _try_again(self) -> None:
        for work in self._works.values():
            if work.state is State.SET_ASIDE and self._deadline.to_start() > 0:
                work.try_again(self._deadline.to_end() - _TURN)

    def _oldest(self) -> float:
        """How many seconds ago the oldest sweep was asked for, of those neither complete nor set aside."""
        ages = [
            work.place.age(timestamps.now())
            for work in self._works.values()
            if work.state not in (State.COMPLETE, State.SET_ASIDE)
        ]
        return max(ages, default=0.0)
