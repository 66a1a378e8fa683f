"""Stores records, each with its content or not at all, in transactions that are as full as possible.

Several transactions are on their way at once. Records of the same item are stored in the order in which they
came: the later one goes into a later transaction, which waits for the earlier one.

A first load meets no messages in the table. So it inserts, which is the quickest way, until it comes upon a
message that is there. That one, and all after it, are updated.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from enum import Enum
from threading import Event
from typing import Any, Final, Self

from expunge.deadline import Deadline
from expunge.errors import OutOfTime, Unavailable
from expunge.table.items import inserts, items, writes_of
from expunge.table.records import MESSAGE_KINDS, Record
from expunge.table.store import Item, Store
from expunge.table.transactions import INVALID, LIMIT, Transaction

AT_ONCE: Final = 4

MAX_BYTES: Final = 2_000_000
"""Of items in a transaction. DynamoDB takes 4 MB, and binary grows by a third when it is sent as base64."""

_MOST_REFUSED: Final = 10
"""Records that DynamoDB refuses for good. If there are more, something else than the records is wrong."""

_METADATA_BYTES: Final = 2048
"""More than any item has without its payload."""

_OF_A_MESSAGE: Final = 2
"""Entries of a transaction: for the message and for its content."""

Place = tuple[str, str]


class Outcome(Enum):
    """What became of a record."""

    OPEN = "not known to be stored"
    STORED = "stored"
    DELETED = "left out: the message is deleted"
    OUTDATED = "left out: what is stored is as new or newer"
    REVOKED = "left out: the key or grant is revoked"


@dataclass(slots=True, eq=False)
class Storing:
    """A record on its way into the table: its kind and what `items` has made of it."""

    kind: str
    items: list[Item]
    outcome: Outcome = field(default=Outcome.OPEN, init=False)
    inserted: bool = field(default=False, init=False)
    """Whether it is tried as a new message. If it is none, it must be tried again."""

    @classmethod
    def of(cls, record: Record) -> Self:
        """Make it of a record."""
        return cls(record.kind, items(record))

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        """Give its entries of a transaction."""
        entries = inserts(*self.items) if self.inserted else writes_of(self.kind, self.items)
        return [
            {action: {"TableName": table, **arguments} for action, arguments in entry.items()}
            for entry in entries
        ]

    @property
    def count(self) -> int:
        """How many entries these are: of a message two, because without content the old one is deleted."""
        return _OF_A_MESSAGE if self.kind in MESSAGE_KINDS else len(self.items)

    def insert(self) -> None:
        """Have it tried as a new message, if it is a message."""
        self.inserted = self.kind in MESSAGE_KINDS

    def committed(self) -> None:
        """Note that it is stored."""
        self.outcome = Outcome.STORED

    def refused(self, found: Item | None) -> None:
        """Set the outcome from the item that failed the condition."""
        if self.inserted:
            self.inserted = False
            return  # still open: it is to be updated
        found = found or {}
        if "revoked_at" in found:
            self.outcome = Outcome.REVOKED
        elif "version" in found and not {"deleted_at", "purged_at"} & set(found):
            self.outcome = Outcome.OUTDATED
        else:
            self.outcome = Outcome.DELETED

    @property
    def places(self) -> set[Place]:
        """The keys of its items. Content that is only deleted needs none: the message's own key is there."""
        return {(item["pk"]["S"], item["sk"]["S"]) for item in self.items}

    @property
    def size(self) -> int:
        """Bytes, estimated and never too few."""
        return sum(
            _METADATA_BYTES + len(item["payload"]["B"] if "payload" in item else b"") for item in self.items
        )


def store_all(
    store: Store,
    records: Iterable[Storing],
    deadline: Deadline,
    landed: Callable[[Sequence[Storing]], None] = lambda _: None,
    patience: Callable[[], Deadline] | None = None,
    *,
    new: bool = False,
) -> None:
    """Store the records. After each transaction, `landed` is told which records it has settled.

    A transaction is given up at the deadline. If `patience` is given, it is called when a transaction begins,
    and makes a deadline for that one. `new` says that most records are probably not in the table yet; if they
    are, a few transactions are wasted. A record that DynamoDB will never take is left out; the error is
    raised when all others are stored, or at once if there are more than ten of these.

    Raises StoreError. Records that are not settled then have the outcome OPEN: they may have been stored, and
    storing them again does no harm. When it returns, nothing more is sent.
    """
    under_way: dict[Future[None], _Load] = {}
    sending = _Sending(store, patience or (lambda: deadline), new=new)

    def land() -> None:
        done, _ = wait(under_way, max(0.0, deadline.to_wait()), FIRST_COMPLETED)
        if not done:
            raise OutOfTime
        for future in done:
            load = under_way.pop(future)
            future.result()
            landed([record for record in load.records if record.outcome is not Outcome.OPEN])

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for load in _loads(records):
            # Otherwise a later record of an item could overtake an earlier one.
            while any(not load.places.isdisjoint(other.places) for other in under_way.values()):
                land()
            while len(under_way) >= 2 * AT_ONCE:
                land()
            under_way[pool.submit(sending.commit, load.records)] = load
        while under_way:
            land()
        if sending.refused:
            raise sending.refused[0]
    finally:
        sending.stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        # `wait` never counts one as done that was cancelled before it began.
        wait([each for each in under_way if not each.cancelled()], max(0.0, deadline.to_wait()))


class _Sending:
    """Writes transactions: inserts as long as messages prove to be new, then updates."""

    def __init__(self, store: Store, patience: Callable[[], Deadline], *, new: bool) -> None:
        self.stop = Event()
        self.refused: list[Unavailable] = []
        self._store = store
        self._patience = patience
        self._new = new

    def commit(self, records: Sequence[Storing]) -> None:
        """Write until all of them are settled. Raises StoreError."""
        deadline = self._patience()
        if self._new:
            for record in records:
                record.insert()
        tried = [record for record in records if record.inserted]
        self._write(records, deadline)
        there = [record for record in tried if not record.inserted]
        if there:
            # From now on only updates: an insert that is refused costs write units as well.
            self._new = False
            self._write(there, deadline)

    def _write(self, records: Sequence[Storing], deadline: Deadline) -> None:
        """Write these in one transaction, or in smaller ones if DynamoDB does not take it. Raises StoreError.

        DynamoDB may refuse it because it is too large, what is replaced included, or because of one record
        that it never takes.
        """
        transaction = Transaction(records)
        try:
            transaction.commit(self._store, deadline, self.stop.is_set)
        except Unavailable as error:
            if str(error) not in INVALID or len(self.refused) >= _MOST_REFUSED:
                raise
            left = transaction.open
            if len(left) == 1:
                self.refused.append(error)
                return
            half = len(left) // 2
            for some in (left[:half], left[half:]):
                self._write(some, deadline)


@dataclass(slots=True)
class _Load:
    """What goes into one transaction."""

    records: list[Storing] = field(default_factory=list)
    places: set[Place] = field(default_factory=set)
    writes: int = 0
    size: int = 0

    def takes(self, record: Storing, places: set[Place]) -> bool:
        """Whether it has room, and no other record of the same item: DynamoDB refuses to write one twice."""
        return (
            self.writes + record.count <= LIMIT
            and self.size + record.size <= MAX_BYTES
            and places.isdisjoint(self.places)
        )

    def add(self, record: Storing, places: set[Place]) -> None:
        self.records.append(record)
        self.places |= places
        self.writes += record.count
        self.size += record.size


def _loads(records: Iterable[Storing]) -> Iterator[_Load]:
    load = _Load()
    for record in records:
        places = record.places
        if load.records and not load.takes(record, places):
            yield load
            load = _Load()
        load.add(record, places)
    if load.records:
        yield load
