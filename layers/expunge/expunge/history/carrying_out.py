"""Carries out one sweep: a deletion of channel history that goes on in the background.

A pass deletes what the index shows. The sweep is complete when a pass that began at least a minute after the
request has found nothing: by then the index shows all that was stored before the request. If the sweep is
divided among workers, each of the 16 parts that a channel is spread over needs such a pass. Then a record of
the deletion takes the place of the sweep's note in the table.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.record import Progress
from expunge.errors import OutOfTime, StoreError, Throttled
from expunge.history import notes, records
from expunge.history.notes import Place, Sweep
from expunge.history.passes import delete_found
from expunge.settings import settings
from expunge.table import keys
from expunge.table.store import Store
from expunge.telemetry import logger

ATTEMPTS = 5
"""After so many runs that failed on a sweep, without progress in between, it is set aside and tried last."""

_PASSES = 3
"""Of a sweep in one run, at most. The last one usually finds nothing. But an index that lags may show again
and again what this deletion has flagged already, which counts as found."""


class State(Enum):
    """How far this run got with a sweep; an open one is there to go on with."""

    OPEN = "open"
    COMPLETE = "complete"
    WAITING = "waiting for the index"
    FAILED = "failed"
    SET_ASIDE = "set aside"


@dataclass(slots=True)
class Work:
    """What a run or a worker does for one sweep, or only for some `parts` of it.

    `steps` are what it does; between two of them it may pause.
    """

    store: Store
    place: Place
    deadline: Deadline
    parts: frozenset[int] | None = None
    state: State = State.OPEN
    deleted: int = 0
    steps: Iterator[None] = field(init=False)

    def __post_init__(self) -> None:
        self.steps = self._steps(set_aside_after=ATTEMPTS)

    def go_on(self, until: float) -> bool:
        """Work until the deadline has `until` seconds left. Return whether this run is through with it."""
        try:
            for _ in self.steps:
                if self.deadline.to_end() <= until:
                    return False
        except (OutOfTime, Throttled) as error:
            logger.info("Sweep to be resumed", extra={"sweep": self.place.sk, "reason": error.reason})
        except Exception:
            # Nobody foresaw this failure, but it must not keep other sweeps from being carried out.
            logger.exception("A sweep failed", extra={"sweep": self.place.sk})
            self._failed()
        return True

    def try_again(self, until: float) -> None:
        """Try a sweep that is set aside once more, because the cause of its failures may be gone.

        If it fails again, or nothing is deleted, it stays set aside.
        """
        self.steps = self._steps(set_aside_after=None)
        self.go_on(until)
        if self.state is State.FAILED or (self.state is State.OPEN and not self.deleted):
            self.state = State.SET_ASIDE

    def _steps(self, set_aside_after: int | None) -> Iterator[None]:
        item = notes.read(self.store, self.place, self.deadline)
        if item is None:
            self.state = State.COMPLETE
            return
        failures = notes.failures(item)
        if set_aside_after is not None and failures >= set_aside_after:
            self.state = State.SET_ASIDE
            return
        if self.parts is not None and self.parts <= notes.parts_done(item):
            self.state = State.COMPLETE
            return
        sweep = Sweep.of(item)
        self.state = State.OPEN
        for _ in range(_PASSES):
            began, before = timestamps.now(), self.deleted
            for deleted in delete_found(self.store, sweep, self.deadline, self.parts):
                self.deleted += deleted
                if deleted and failures:
                    notes.progressed(self.store, self.place, self.deadline)
                    failures = 0
                if deleted and not notes.exists(self.store, self.place, self.deadline):
                    # Another run has completed it, or a restore has ended it.
                    self.state = State.COMPLETE
                    return
                yield
            if self.deleted == before:
                self._nothing_found(sweep, late_enough=began >= sweep.all_shown_at)
                return

    def _nothing_found(self, sweep: Sweep, *, late_enough: bool) -> None:
        if late_enough and self._note_parts_done():
            records.end(self.store, sweep, Progress.DONE, settings().deletion_record_days, self.deadline)
        self.state = State.COMPLETE if late_enough else State.WAITING

    def _note_parts_done(self) -> bool:
        """Note that nothing is left in these parts. Return whether that is now noted of all 16.

        It is noted for good, because a part gets no more messages that the sweep covers.
        """
        if self.parts is None:
            return True
        done = notes.add_parts_done(self.store, self.place, self.parts, self.deadline)
        return len(done) == keys.CHANNEL_SHARDS

    def _failed(self) -> None:
        self.state = State.FAILED
        try:
            notes.failed(self.store, self.place, self.deadline)
        except StoreError as error:
            logger.info("A failure was not counted", extra={"sweep": self.place.sk, "reason": error.reason})
