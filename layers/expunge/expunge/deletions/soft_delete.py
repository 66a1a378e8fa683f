"""Soft delete: many messages flagged at once, each reported by the one request that flagged it.

A single conditional update sets the flags and moves the message's index key from the living to the bin. Its
condition is checked against the message itself, so what an index showed may be out of date, and of several
requests at once only one succeeds. If the condition fails because the message bears the flags of this very
deletion, then this deletion wrote them before, and only the store's answer got lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.shortfall import Shortfall
from expunge.table import keys
from expunge.table.at_once import commit, read_back
from expunge.table.flags import NOT_DELETED, assignments, flags, is_tombstone
from expunge.table.search import Partition
from expunge.table.store import Item, Store
from expunge.table.transactions import LIMIT

# What a deletion has flagged and somebody has restored since stays so, whoever goes on with the deletion.
_NOT_RESTORED = "(attribute_not_exists(restored_from) OR restored_from <> :again)"


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
        """Whether that item bears the flags of this deletion."""
        return item.get("delete_request_id") == {"S": self.request_id} and item.get("deleted_at") == {
            "S": self.deleted_at
        }

    def took(self, item: Item) -> bool:
        """Whether it was this deletion that flagged that item, which may be purged since."""
        if is_tombstone(item):
            return item.get("delete_request_id") == {"S": self.request_id}
        return self.made(item)


@dataclass(slots=True)
class Target:
    """A message to delete: by its id or, with a `place`, only while it is in a place where it was found.

    `elsewhere` are further places, for a message that moved while it was searched for. `found` is the record
    that the deletion was refused on, if there was one.
    """

    deletion: Deletion
    pk: str
    place: Partition | None = None
    elsewhere: list[Partition] = field(default_factory=list, init=False)
    outcome: Outcome = field(default=Outcome.OPEN, init=False)
    deleted_at: str | None = field(default=None, init=False)
    found: Item | None = field(default=None, init=False)

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        """Give the entries of a transaction: a single one."""
        return [self.write(table)]

    def write(self, table: str) -> dict[str, Any]:
        """Give the update that flags it, once and not again after a restore."""
        clause, values = assignments(self.deletion.flags(self.pk))
        condition = "attribute_exists(pk)"
        if self.place is not None:
            places = {f":place{at}": each for at, each in enumerate([self.place, *self.elsewhere])}
            condition = f"({' OR '.join(f'{each.attribute} = {name}' for name, each in places.items())})"
            values |= {name: {"S": each.pk} for name, each in places.items()}
        values[":again"] = {"S": self.deletion.request_id}
        return {
            "Update": {
                "TableName": table,
                "Key": {"pk": {"S": self.pk}, "sk": {"S": keys.MESSAGE}},
                "UpdateExpression": f"SET {clause} REMOVE group_pk",
                "ConditionExpression": f"{condition} AND {NOT_DELETED} AND {_NOT_RESTORED}",
                "ExpressionAttributeValues": values,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def committed(self) -> None:
        """Take note of the store's yes."""
        self.outcome, self.deleted_at = Outcome.DELETED, self.deletion.deleted_at

    def refused(self, found: Item | None) -> None:
        """Set the outcome from the item that failed the condition."""
        self.found = found
        if not found:
            self.outcome = Outcome.NOT_FOUND
        elif self.deletion.took(found) or found.get("restored_from") == {"S": self.deletion.request_id}:
            self.committed()
        elif is_tombstone(found):
            self.outcome = Outcome.NOT_FOUND
        elif "deleted_at" in found:
            self.outcome, self.deleted_at = Outcome.ALREADY_DELETED, found["deleted_at"]["S"]
        else:
            self.outcome = Outcome.CHANGED


def soft_delete(store: Store, targets: Sequence[Target], deadline: Deadline) -> Shortfall | None:
    """Flag the targets, a few transactions at once, and note on each what became of it.

    Returns None when all are settled. When it returns, nothing more is sent. A message counts as deleted if
    the store said so, or if it is read back with the flags of this deletion. A write without an answer that
    shows no flags yet may still be on its way: it stays in doubt.
    """
    stopped = commit(store, targets, LIMIT, deadline)
    if stopped is None:
        return None
    error, doubtful = stopped
    attributes = "pk, delete_request_id, deleted_at, purged_at"
    found = read_back(store, [target.pk for target in doubtful], attributes, deadline)
    for target in doubtful:
        if target.pk in found and target.deletion.took(found[target.pk]):
            target.committed()
    if all(target.outcome is not Outcome.OPEN for target in targets):
        return None
    return Shortfall(error, sum(target.outcome is Outcome.OPEN for target in doubtful))
