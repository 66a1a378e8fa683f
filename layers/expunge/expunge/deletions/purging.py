"""Purging: deleted messages that are due are removed for good, record and content, oldest first.

A message is removed only if it still lies where it was found: one that was restored, held or dated anew
meanwhile is left alone, and of several runs only one removes it.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from threading import Event
from typing import Any, NamedTuple

from expunge.deadline import Deadline
from expunge.errors import OutOfTime, StoreError, Unavailable
from expunge.table import keys
from expunge.table.search import Found, Partition, Range, oldest_first
from expunge.table.store import Item, Store
from expunge.table.transactions import LIMIT, Transaction
from expunge.telemetry import logger

ROWS = LIMIT // 2
"""Messages in a transaction: each is two items."""

PAGE = 250
"""Keys of a shard that are read at a time; with those of all shards, all that is held of the bin."""

_AT_ONCE = 4

# What DynamoDB says to a transaction, or of its items, that it will never take.
_INVALID = ("ValidationException", "ValidationError")


class Purged(NamedTuple):
    """How many messages a run removed, and how far it got.

    `oldest` is when the first message that it found was due, None if it found none; `stopped` is why it did
    not go on until nothing was due.
    """

    removed: int
    oldest: str | None
    stopped: StoreError | None


@dataclass(slots=True)
class Due:
    """A message in the bin, where it was found."""

    found: Found
    now: str
    removed: bool = field(default=False, init=False)

    @property
    def purge_at(self) -> str:
        """When it was due."""
        return keys.purge_at(self.found.order)

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        """Delete the record, if it has not been touched, and with it the content."""
        record = {
            "TableName": table,
            "Key": {"pk": {"S": self.found.pk}, "sk": {"S": keys.MESSAGE}},
            "ConditionExpression": (
                "state_pk = :bin AND state_sk = :order AND attribute_exists(deleted_at) AND purge_at <= :now"
            ),
            "ExpressionAttributeValues": {
                ":bin": {"S": self.found.place.pk},
                ":order": {"S": self.found.order},
                ":now": {"S": self.now},
            },
        }
        content = {"TableName": table, "Key": {"pk": {"S": self.found.pk}, "sk": {"S": keys.CONTENT}}}
        return [{"Delete": record}, {"Delete": content}]

    def committed(self) -> None:
        """Take note of the store's yes."""
        self.removed = True

    def refused(self, found: Item | None) -> None:
        """Leave it: it is not due any more, or another run has removed it."""


def remove_due(store: Store, now: str, deadline: Deadline) -> Purged:
    """Remove what is due at `now` (to the millisecond) until nothing is, or time or store give out.

    Holds a page of keys a shard and a few transactions, however much is due. What is counted was removed by
    this run; a removal whose answer was lost to the very end is not, so counts are never too high.
    """
    return _Run(store, now, deadline).go()


class _Run:
    """Several transactions on their way at once."""

    def __init__(self, store: Store, now: str, deadline: Deadline) -> None:
        self._store = store
        self._now = now
        self._deadline = deadline
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        self._stop = Event()
        self._under_way: dict[Future[None], list[Due]] = {}
        self._purged = 0

    def go(self) -> Purged:
        oldest: str | None = None
        stopped: StoreError | None = None
        try:
            due = self._due()
            while rows := list(islice(due, ROWS)):
                oldest = oldest or rows[0].purge_at
                self._under_way[self._pool.submit(self._remove, rows)] = rows
                self._land(most=2 * _AT_ONCE)
            self._land(most=0)
        except StoreError as error:
            stopped = error
        except Exception as error:
            logger.exception("A purge failed in an unforeseen way")
            stopped = Unavailable(type(error).__name__)
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
            wait(self._under_way, max(0, self._deadline.to_wait()))
            self._stop.set()
        late = sum(row.removed for rows in self._under_way.values() for row in rows)
        return Purged(self._purged + late, oldest, stopped)

    def _due(self) -> Iterator[Due]:
        """From all shards at once: an index's partition takes only so many writes a second."""
        shards = [Partition(keys.BY_STATE, shard) for shard in keys.bin_shards()]
        bounds = Range(last=keys.due(self._now))
        found = oldest_first(self._store, self._pool, shards, bounds, PAGE, self._deadline.for_searching())
        return (Due(each, self._now) for each in found)

    def _land(self, most: int) -> None:
        """Wait until at most so many transactions are under way. Raises the StoreError of one that failed."""
        while len(self._under_way) > most:
            done, _ = wait(self._under_way, max(0, self._deadline.to_wait()), FIRST_COMPLETED)
            if not done:
                raise OutOfTime
            for each in done:
                self._purged += sum(row.removed for row in self._under_way.pop(each))
            for each in done:
                each.result()

    def _remove(self, rows: Sequence[Due]) -> None:
        transaction = Transaction(rows)
        try:
            transaction.commit(self._store, self._deadline, self._stop.is_set)
        except Unavailable as error:
            # DynamoDB takes 4 MB a transaction, and does not say whether what is deleted counts.
            if str(error) not in _INVALID or len(transaction.open) == 1:
                raise
            half = len(transaction.open) // 2
            self._remove(transaction.open[:half])
            self._remove(transaction.open[half:])
