"""Purging: deleted messages that are due are removed for good, record and content, oldest first.

A message is removed only if it still lies where it was found: one that was restored, held or dated anew
meanwhile is left alone, and of several runs only one removes it.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from itertools import islice
from threading import Event
from typing import NamedTuple

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.due import TOMBSTONE_DAYS, Due, Rule
from expunge.deletions.pace import Pace, Patience
from expunge.errors import OutOfTime, StoreError, Unavailable
from expunge.table import keys
from expunge.table.search import Partition, Range, oldest_first
from expunge.table.store import Store
from expunge.table.transactions import LIMIT, RowT, Transaction
from expunge.telemetry import logger

ROWS = LIMIT // 2
"""Messages in a transaction: each is two items."""

PAGE = 250
"""Keys that are read at a time from each shard of the bin. No more than that is held in memory."""

_AT_ONCE = 4

# Error codes of a transaction, or of an item in it, that DynamoDB will not take however often it is sent.
_INVALID = ("ValidationException", "ValidationError")


class Purged(NamedTuple):
    """How many messages a run removed and dated anew, and how far it got.

    `oldest` is when the first message that it found was or is due, None if it found none; `stopped` is why it
    did not go on until nothing was due.
    """

    removed: int
    dated_anew: int
    oldest: str | None
    stopped: StoreError | None


def remove_due(
    store: Store,
    now: datetime,
    retention_days: int,
    deadline: Deadline,
    tombstone_days: int = TOMBSTONE_DAYS,
) -> Purged:
    """Remove what is due at `now` (to the millisecond) until nothing is, or time or store give out.

    What was deleted less than the retention before `now`, though it is due by its date, is dated anew.
    What is removed leaves a tombstone for so many days.

    However much is due, only a page of keys a shard and a few transactions are in memory. Counts are never
    too high: a write whose answer never came is not counted.
    """
    return _Run(store, Rule(now, timedelta(days=retention_days), tombstone_days), deadline).go()


class _Run:
    """Several transactions on their way at once."""

    def __init__(self, store: Store, rule: Rule, deadline: Deadline) -> None:
        self._store = store
        self._rule = rule
        self._deadline = deadline
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        self._pace = Pace(ROWS)
        self._stop = Event()
        self._under_way: dict[Future[None], list[Due]] = {}
        self._oldest: str | None = None
        self._removed = self._dated_anew = 0

    def go(self) -> Purged:
        stopped: StoreError | None = None
        try:
            due = self._due()
            while rows := list(islice(due, ROWS)):
                self._under_way[self._pool.submit(self._remove, rows)] = rows
                self._land(most=2 * _AT_ONCE)
            self._land(most=0)
        except StoreError as error:
            stopped = error
        except Exception as error:
            logger.exception("A purge failed in an unforeseen way")
            stopped = Unavailable(type(error).__name__)
        finally:
            self._end()
        return Purged(self._removed, self._dated_anew, self._oldest, stopped)

    def _due(self) -> Iterator[Due]:
        """From all shards at once: an index's partition takes only so many writes a second.

        If the now of the run is earlier than the clock, what is due since then is looked at but not removed:
        the event does not change how late the oldest is.
        """
        shards = [Partition(keys.BY_STATE, shard) for shard in keys.bin_shards()]
        last = max(self._rule.due_until, timestamps.millis(timestamps.now()))
        bounds = Range(last=keys.due(last))
        searching = self._deadline.for_searching()
        for found in oldest_first(self._store, self._pool, shards, bounds, PAGE, searching):
            purge_at = keys.purge_at(found.order)
            self._oldest = self._oldest or purge_at
            if purge_at > self._rule.due_until:
                return
            yield Due(found, self._rule)

    def _land(self, most: int) -> None:
        """Wait until at most so many transactions are under way. Raises the StoreError of one that failed."""
        while len(self._under_way) > most:
            done, _ = wait(self._under_way, max(0, self._deadline.to_wait()), FIRST_COMPLETED)
            if not done:
                raise OutOfTime
            for each in done:
                self._count(self._under_way.pop(each))
            for each in done:
                each.result()

    def _end(self) -> None:
        """Begin nothing new, and count what is still under way."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        # `wait` would wait in vain for one that was cancelled before it began: it never counts it as done.
        begun = [each for each in self._under_way if not each.cancelled()]
        wait(begun, max(0, self._deadline.to_wait()))
        for each in begun:
            self._count(self._under_way[each])

    def _count(self, rows: Sequence[Due]) -> None:
        self._removed += sum(row.removed for row in rows)
        self._dated_anew += sum(row.anew is not None and row.anew.done for row in rows)

    def _remove(self, rows: Sequence[Due]) -> None:
        self._write(rows)
        self._write([row.anew for row in rows if row.anew is not None])

    def _write(self, rows: Sequence[RowT]) -> None:
        left = list(rows)
        while left:
            some = left[: self._pace.rows]
            left[: len(some)] = self._commit(some)

    def _commit(self, rows: Sequence[RowT]) -> Sequence[RowT]:
        """Write these in one transaction, and return those for which it was too large."""
        transaction = Transaction(rows)
        patience = Patience(transaction)
        try:
            transaction.commit(self._store, self._deadline, lambda: self._stop.is_set() or patience.ends())
        except OutOfTime:
            if not patience.ended:
                raise
        except Unavailable as error:
            # DynamoDB takes 4 MB a transaction, and does not say whether what is deleted counts.
            if str(error) not in _INVALID or len(transaction.open) == 1:
                raise
        else:
            self._pace.went_well()
        if transaction.open:
            self._pace.too_many(len(transaction.open))
        return transaction.open
