"""Soft delete: many messages flagged at once, each reported by the one request that flagged it.

One conditional update does it: the flags are set and the message's index key moves from the living to the
bin. The condition makes a stale index harmless and concurrent requests exact. A condition that fails on
flags of this very deletion was this deletion's own write, whose answer got lost.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from threading import Event
from typing import Any, NamedTuple

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.errors import OutOfTime, StoreError, Unavailable
from expunge.table import keys
from expunge.table.flags import assignments, flags
from expunge.table.search import Partition
from expunge.table.store import Item, Store
from expunge.table.transactions import LIMIT, Transaction
from expunge.telemetry import logger

# Each TLS connection costs tens of milliseconds of CPU to open, so a few do more than many.
_AT_ONCE = 4


class Outcome(Enum):
    """What became of one message."""

    OPEN = "open"
    DELETED = "deleted"
    ALREADY_DELETED = "already_deleted"
    NOT_FOUND = "not_found"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Deletion:
    """Who deletes, for which request and when; the flags of every row that it commits."""

    request_id: str
    deleted_by: str
    deleted_at: str
    purge_at: str

    @classmethod
    def of(cls, request_id: str, deleted_by: str, now: datetime, retention_days: int) -> "Deletion":
        """A deletion that stays restorable for so many days."""
        purge_at = now + timedelta(days=retention_days)
        return cls(request_id, deleted_by, timestamps.millis(now), timestamps.millis(purge_at))

    def flags(self, pk: str) -> dict[str, str]:
        """What it writes on the message with that partition key."""
        return flags(
            pk,
            deleted_at=self.deleted_at,
            deleted_by=self.deleted_by,
            delete_request_id=self.request_id,
            purge_at=self.purge_at,
        )

    def made(self, item: Item) -> bool:
        """Whether it was this deletion that flagged that item."""
        return item.get("delete_request_id") == {"S": self.request_id} and item.get("deleted_at") == {
            "S": self.deleted_at
        }


@dataclass(slots=True)
class Target:
    """A message to delete: by id, or, with a `place`, only while it is still where it was found."""

    deletion: Deletion
    pk: str
    place: Partition | None = None
    outcome: Outcome = field(default=Outcome.OPEN, init=False)
    deleted_at: str | None = field(default=None, init=False)

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        """Give the entries of a transaction: a single one."""
        return [self.write(table)]

    def write(self, table: str) -> dict[str, Any]:
        """Give the update that flags it."""
        clause, values = assignments(self.deletion.flags(self.pk))
        condition = "attribute_exists(pk) AND attribute_not_exists(deleted_at)"
        if self.place is not None:
            condition = f"{self.place.attribute} = :place AND attribute_not_exists(deleted_at)"
            values[":place"] = {"S": self.place.pk}
        return {
            "Update": {
                "TableName": table,
                "Key": {"pk": {"S": self.pk}, "sk": {"S": keys.MESSAGE}},
                "UpdateExpression": f"SET {clause} REMOVE group_pk",
                "ConditionExpression": condition,
                "ExpressionAttributeValues": values,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def committed(self) -> None:
        """Take note of the store's yes."""
        self.outcome, self.deleted_at = Outcome.DELETED, self.deletion.deleted_at

    def refused(self, found: Item | None) -> None:
        """Read from the row that failed the condition what is the case with it."""
        if not found:
            self.outcome = Outcome.NOT_FOUND
        elif self.deletion.made(found):
            self.committed()
        elif "deleted_at" in found:
            self.outcome, self.deleted_at = Outcome.ALREADY_DELETED, found["deleted_at"]["S"]
        else:
            self.outcome = Outcome.CHANGED


class Shortfall(NamedTuple):
    """Why a deletion stopped short, and how many rows may have been flagged without anyone knowing."""

    error: StoreError
    in_doubt: int = 0


def soft_delete(store: Store, targets: Sequence[Target], deadline: Deadline) -> Shortfall | None:
    """Flag the targets, a few transactions at once, and note on each what became of it.

    Returns None when all are settled. What was committed is known even when the store's answer to a write
    was lost: such rows are read back.
    """
    transactions = [Transaction(targets[at : at + LIMIT]) for at in range(0, len(targets), LIMIT)]
    stop = Event()
    errors: list[StoreError] = []

    def commit(transaction: Transaction[Target]) -> None:
        try:
            transaction.commit(store, deadline, stop.is_set)
        except StoreError as error:
            errors.append(error)
            stop.set()
        except Exception:
            logger.exception("A transaction failed in an unforeseen way")
            errors.append(Unavailable())
            stop.set()

    pool = ThreadPoolExecutor(_AT_ONCE)
    wait([pool.submit(commit, each) for each in transactions], max(0, deadline.to_wait()))
    stop.set()
    doubtful = [row for each in transactions if each.in_doubt for row in each.open]
    reads = {
        pool.submit(_read_back, store, rows, deadline.for_reading_back()): rows
        for rows in (doubtful[at : at + LIMIT] for at in range(0, len(doubtful), LIMIT))
    }
    pool.shutdown(wait=False)
    read = wait(reads, max(0, deadline.to_answer())).done
    if all(target.outcome is not Outcome.OPEN for target in targets):
        return None
    in_doubt = sum(len(rows) for each, rows in reads.items() if each not in read or each.exception())
    return Shortfall(errors[0] if errors else OutOfTime(), in_doubt)


def _read_back(store: Store, targets: Sequence[Target], deadline: Deadline) -> None:
    found = store.get_batch(
        [(target.pk, keys.MESSAGE) for target in targets], deadline, "pk, delete_request_id, deleted_at"
    )
    ours = {item["pk"]["S"] for item in found if targets[0].deletion.made(item)}
    for target in targets:
        if target.pk in ours:
            target.committed()
