"""A scheduled run: goes on with background deletions, then purges, and hands over what it cannot finish."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from expunge import timestamps
from expunge.background.spreading import Left, Spreading
from expunge.deadline import Deadline
from expunge.deletions import reporting
from expunge.deletions.brakes import Brakes
from expunge.deletions.lease import Lease, leased
from expunge.deletions.purged import Purged
from expunge.deletions.purging import remove_due, return_released
from expunge.deletions.runs import Run
from expunge.errors import OutOfTime, Throttled
from expunge.history import sweeps
from expunge.history.sweeps import Resumed
from expunge.settings import purge_stops_above, settings, work_queue
from expunge.table.store import Store


def run(store: Store, now: datetime, time_left: Callable[[], int]) -> dict[str, Any]:
    """Do what there is to do at `now` until nothing is, or time is nearly up; return what is answered.

    `time_left` tells the milliseconds until the function is ended. Raises PurgeUnderWay if another run is at
    work, PurgeFailed if the store failed.
    """
    with leased(store, Deadline(time_left)) as lease:
        return _Scheduled(store, now, time_left).work(lease)


class _Scheduled:
    """One run; its `now` may be behind the clock or, if somebody has forced it, ahead."""

    def __init__(self, store: Store, now: datetime, time_left: Callable[[], int]) -> None:
        self._store = store
        self._now = now
        self._began = timestamps.now()
        self._time_left = time_left
        half = time_left() // 2
        # Half the time at most, lest a long background deletion keep what is due from being removed.
        self._sweeping = Deadline(lambda: time_left() - half)
        self._record = Run()
        most = purge_stops_above()
        self._brakes = Brakes(store, most, self._deadline)
        # A time ahead of the clock is for one run, which somebody has forced.
        self._others = Spreading(store, min(now, self._began), self._record.sk, most)

    @property
    def _deadline(self) -> Deadline:
        return Deadline(self._time_left)

    def work(self, lease: Lease) -> dict[str, Any]:
        """Do it, by itself or by others, and tell."""
        self._record.begin(self._store, self._deadline)
        spreads = bool(work_queue()) and self._brakes.let_go()
        left = self._others.taken_over(self._deadline, purging=spreads)
        if left is None:
            swept = sweeps.resume(self._store, self._sweeping)
            purged = self._purge()
            self._hand_over(swept, purged, purging=spreads)
        else:
            resumed = sweeps.try_again(self._store, left.aside, self._sweeping)
            swept = Resumed(resumed, remaining=True)
            purged = self._leave_to_others(left) if spreads else self._purge()
        return self._tell(lease, swept, purged)

    def _purge(self) -> Purged:
        days, tombstone_days = settings().retention_days, settings().tombstone_days
        return remove_due(self._store, self._now, days, self._deadline, tombstone_days, self._brakes)

    def _leave_to_others(self, left: Left) -> Purged:
        """Only see to what was held and is not any more, which workers do not look for."""
        back = return_released(self._store, self._now, settings().retention_days, self._deadline)
        stopped = back.stopped or (OutOfTime() if left.oldest else None)
        return back._replace(oldest=left.oldest, stopped=stopped)

    def _hand_over(self, swept: Resumed, purged: Purged, *, purging: bool) -> None:
        """Have others do what there was no time for."""
        due = purged.oldest if purging and isinstance(purged.stopped, (OutOfTime, Throttled)) else None
        time_was_up = swept.remaining and self._sweeping.for_searching().to_start() <= 0
        gone = purged.removed + purged.in_doubt
        self._others.hand_over(due, self._began, gone, self._deadline, sweeping=time_was_up)

    def _tell(self, lease: Lease, swept: Resumed, purged: Purged) -> dict[str, Any]:
        """Leave a record, a log line and metrics, and give the answer. Raises PurgeFailed."""
        late = reporting.oldest_due_age(purged, lease, self._began)
        reporting.remember(purged, lease, self._now, self._began)
        told = reporting.answer(purged, swept.resumed, sweeps_remain=swept.remaining)
        self._record.end(self._store, self._deadline.for_settling(), told, purged.reason)
        paused_for = self._brakes.pause.lasts(timestamps.now())
        reporting.publish(told, self._now, purged, late, paused_for)
        purged.raise_if_failed(swept.resumed)
        return told
