"""Purging: deleted messages that are due are removed for good, record and content, oldest first.

A message is removed only if it still lies where it was found: one that was restored or dated anew meanwhile
is left alone, and of several runs only one removes it. What is held is set aside; nothing is sent that was
decided by holds that were read too long ago.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from itertools import islice

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.brakes import Brakes
from expunge.deletions.due import TOMBSTONE_DAYS, Due, Rule
from expunge.deletions.holds import InForce
from expunge.deletions.parking import Look, Waiting
from expunge.deletions.purged import Purged
from expunge.deletions.released import Released
from expunge.deletions.removing import Removing
from expunge.deletions.tally import Tally
from expunge.errors import Braked, OutOfTime, StoreError, Unavailable
from expunge.table import keys
from expunge.table.search import Found, Partition, Range, oldest_first
from expunge.table.store import Store
from expunge.table.transactions import LIMIT
from expunge.telemetry import logger

ROWS = LIMIT // 2
"""Messages in a transaction: each is two items."""

PAGE = 250
"""Keys that are read at a time from each shard of the bin. No more than that is held in memory."""

_AT_ONCE = 4


def remove_due(
    store: Store,
    now: datetime,
    retention_days: int,
    deadline: Deadline,
    tombstone_days: int = TOMBSTONE_DAYS,
    brakes: Brakes | None = None,
) -> Purged:
    """Remove what is due at `now` (to the millisecond) until nothing is, or time or store give out.

    What was deleted less than the retention before `now`, though it is due by its date, is dated anew.
    What is removed leaves a tombstone for so many days. What is held stays, whatever `now` is: there the
    clock decides. The brakes stop the run early.

    However much is due, only a page of keys a shard and a few transactions are in memory. A write whose
    answer never came is read back. What that does not show to be removed is counted as in doubt.
    """
    rule = Rule(now, timedelta(days=retention_days), tombstone_days)
    return _Run(store, rule, deadline, brakes or Brakes(store, 0, deadline), None).remove()


def remove_due_in(
    shards: Sequence[str], store: Store, rule: Rule, deadline: Deadline, brakes: Brakes
) -> Purged:
    """Remove what is due from some shards of the bin, as remove_due does from all."""
    return _Run(store, rule, deadline, brakes, shards).remove()


def return_released(store: Store, now: datetime, retention_days: int, deadline: Deadline) -> Purged:
    """Put back into the bin what waited for the end of a hold and need not any more; others remove it.

    Of what it returns, `removed` is 0 and `held` tells what still waits.
    """
    rule = Rule(now, timedelta(days=retention_days))
    return _Run(store, rule, deadline, Brakes(store, 0, deadline), None).return_released()


def oldest_due(store: Store, now: datetime, deadline: Deadline) -> str | None:
    """When the first message that is due at `now` was due, None if nothing is. Raises StoreError."""
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        bounds = Range(last=keys.due(timestamps.millis(now)))
        times = map(_when, oldest_first(store, pool, _partitions(None), bounds, 1, deadline))
        return next(filter(None, times), None)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _when(found: Found) -> str | None:
    """When what lies in the bin is due; None if its place tells no time, so that it is no message."""
    time = keys.purge_at(found.order)
    try:
        timestamps.parse(time)
    except ValueError:
        return None
    return time


def _partitions(shards: Sequence[str] | None) -> Sequence[Partition]:
    return [Partition(keys.BY_STATE, shard) for shard in shards or keys.bin_shards()]


class _Run:
    """Several transactions on their way at once."""

    def __init__(
        self, store: Store, rule: Rule, deadline: Deadline, brakes: Brakes, shards: Sequence[str] | None
    ) -> None:
        self._whole = shards is None
        self._shards = _partitions(shards)
        self._store = store
        self._rule = rule
        self._deadline = deadline
        self._brakes = brakes
        self._holds = InForce(store, deadline)
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        self._removing = Removing(store, self._holds, min(ROWS, brakes.rows), deadline)
        self._tally = Tally()
        self._under_way: dict[Future[None], list[Due]] = {}
        self._oldest: str | None = None
        self._half = deadline.to_end() / 2
        self._look: Look | None = None
        """How far the look through those that wait got."""
        self._through = False
        """Whether there is nothing left of them to look at."""
        self._in_doubt = 0
        """How many more may be gone than were counted."""

    def remove(self) -> Purged:
        """Remove what is due, and of what waited for the end of a hold what does not have to any more."""

        def remove() -> None:
            self._look_through(self._that_wait(Due), self._half)
            self._remove_all(self._due())
            if self._tally.waiting.may_be_released and not self._tally.through:
                # Of those for which half of the time did not suffice, some may be due.
                self._look_through(self._that_wait(Due), 0)
                if not self._tally.through:
                    raise OutOfTime

        return self._do(remove)

    def return_released(self) -> Purged:
        """Only put back what need not wait any more."""
        return self._do(lambda: self._look_through(self._that_wait(Released), self._half))

    def _do(self, what: Callable[[], None]) -> Purged:
        stopped: StoreError | Braked | None = None
        try:
            self._brakes.check()
            self._tally.waiting = Waiting.of(self._holds.now())
            what()
        except (StoreError, Braked) as error:
            stopped = error
        except Exception as error:
            logger.exception("A purge failed in an unforeseen way")
            stopped = Unavailable(type(error).__name__)
        finally:
            self._end()
        tally = self._tally
        tally.note_waiting(self._store, self._deadline)
        left, stays = tally.say_what_is_left()
        return Purged(
            tally.removed, tally.dated_anew, self._oldest, stopped, tally.held, left, stays, self._in_doubt
        )

    def _look_through(self, waiting: Iterator[Due], until: float) -> None:
        """Go on with these until they end, or only so many seconds are left.

        Before what is due is removed, this takes half of the time at most, so that the other half is left for
        that. If that is not enough, the next run goes on from there.
        """
        searching = self._deadline.for_searching()

        def in_time() -> Iterator[Due]:
            for each in waiting:
                yield each
                if self._deadline.to_end() <= until or searching.to_start() <= 0:
                    return

        self._remove_all(in_time())
        self._tally.looked(self._look, through=self._through)

    def _that_wait(self, kind: type[Due]) -> Iterator[Due]:
        """Messages that were set aside because they were held, if it is time to look through them.

        It goes on where this run or the last one stopped.
        """
        waiting, now = self._tally.waiting, timestamps.now()
        if not self._whole or not waiting.to_be_looked_at(now):
            self._through = True
            return
        searching = self._deadline.for_searching()
        self._look = self._look or waiting.begun(now)
        while at := self._look.shards:
            bounds = Range(first=f"{self._look.after} ")  # sorts after it and before the next one
            for found in oldest_first(self._store, self._pool, _partitions(at), bounds, PAGE, searching):
                self._look = self._look._replace(after=found.order)
                yield kind(found, self._rule)
            self._look = self._look._replace(group=self._look.group + 1, after="")
        self._through = True

    def _due(self) -> Iterator[Due]:
        """Messages that are due, from all shards in turn: one partition takes only so many writes a second.

        If the run was given a time in the past, it also looks for the oldest message that is due by the
        clock, so that how late the purge is does not depend on that time. It removes only what was due at
        that time.
        """
        last = max(self._rule.due_until, timestamps.millis(timestamps.now()))
        bounds = Range(last=keys.due(last))
        searching = self._deadline.for_searching()
        for found in oldest_first(self._store, self._pool, self._shards, bounds, PAGE, searching):
            due = Due(found, self._rule)
            if self._oldest is None and not self._holds.now().covers(found.pk):
                self._oldest = _when(found)
            if not due.in_time:
                return
            yield due

    def _remove_all(self, due: Iterator[Due]) -> None:
        """Have them removed, transaction by transaction. Raises the StoreError of one, Braked."""
        while rows := list(islice(due, min(ROWS, self._brakes.rows))):
            while rows:
                self._brakes.check()
                some = rows[: self._room()]
                del rows[: len(some)]
                self._under_way[self._pool.submit(self._removing.remove, some)] = some
                self._land(most=self._brakes.under_way)
        self._land(most=0)

    def _room(self) -> int:
        """How many may be removed next. Raises EnoughPurged, and the StoreError of a transaction."""
        on_their_way = sum(map(len, self._under_way.values()))
        if self._brakes.room(self._tally.removed) in range(1, on_their_way + 1):
            self._land(most=0)
            on_their_way = 0
        room = self._brakes.room(self._tally.removed)
        return ROWS if room is None else min(ROWS, room - on_their_way)

    def _land(self, most: int) -> None:
        """Wait until at most so many transactions are under way. Raises the StoreError of one that failed."""
        while len(self._under_way) > most:
            done, _ = wait(self._under_way, max(0, self._deadline.to_wait()), FIRST_COMPLETED)
            if not done:
                raise OutOfTime
            for each in done:
                each.result()
                self._tally.take(self._under_way.pop(each))

    def _end(self) -> None:
        """Begin nothing new, and count what is still under way, or failed on the way."""
        self._removing.end()
        self._pool.shutdown(wait=False, cancel_futures=True)
        # `wait` would wait in vain for one that was cancelled before it began: it never counts it as done.
        begun = [each for each in self._under_way if not each.cancelled()]
        wait(begun, max(0, self._deadline.to_wait()))
        doubtful = self._removing.settle()
        self._in_doubt = sum(not row.removed for row in doubtful)
        under_way = [row for each in begun for row in self._under_way[each]]
        self._tally.take(under_way)
        known = set(map(id, under_way))
        self._tally.late([row for row in doubtful if id(row) not in known])
        self._brakes.give_back(self._tally.removed + self._in_doubt)
