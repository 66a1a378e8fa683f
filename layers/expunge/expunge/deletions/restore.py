"""Restoring: what one deletion flagged becomes live again, where it was, and nothing else does.

The condition is on the flags of that very deletion, so a purge, another restore or a later deletion that came
first wins, and each message is either whole and live or gone. Content was never touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from expunge.deadline import Deadline
from expunge.deletions.record import Record
from expunge.deletions.shortfall import Shortfall
from expunge.deletions.soft_delete import Deletion
from expunge.deletions.standing import Rows
from expunge.table import keys
from expunge.table.at_once import commit, read_back
from expunge.table.living import place
from expunge.table.store import Item, Store
from expunge.table.transactions import LIMIT

ATTRIBUTES = (
    "pk, kind, account_id, id, endpoint_id, event_type, #status, received_at, created_at, sub_key, channel,"
    " timetoken, deleted_at, delete_request_id, erased_at, purged_at, restored_from,"
    " restored_request_id"
)
"""What a row must tell to be restored; #status is a word of DynamoDB's own."""


class Restorer(NamedTuple):
    """Who restores, by which request and when (RFC 3339, UTC, milliseconds)."""

    request_id: str
    restored_by: str
    restored_at: str

    def made(self, row: Item) -> bool:
        """Whether it was this request that restored that row last, deleted anew since or not."""
        return row.get("restored_request_id") == {"S": self.request_id}


@dataclass(slots=True)
class Restoration:
    """A message to restore, as it was read."""

    restorer: Restorer
    deletion: Deletion
    row: Item
    restored: bool = field(default=False, init=False)
    settled: bool = field(default=False, init=False)

    @property
    def pk(self) -> str:
        """Its partition key."""
        return str(self.row["pk"]["S"])

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        """Give the update that takes the flags off and puts it back among the living."""
        message = {name: value["S"] for name, value in self.row.items() if "S" in value}
        new = place(message) | {
            "restored_at": self.restorer.restored_at,
            "restored_by": self.restorer.restored_by,
            "restored_from": self.deletion.request_id,
            "restored_request_id": self.restorer.request_id,
        }
        values = {f":{name}": {"S": value} for name, value in new.items()}
        values |= {
            ":deletion": {"S": self.deletion.request_id},
            ":flagged": {"S": self.deletion.deleted_at},
        }
        update = {
            "TableName": table,
            "Key": {"pk": {"S": self.pk}, "sk": {"S": keys.MESSAGE}},
            "UpdateExpression": (
                f"SET {', '.join(f'{name} = :{name}' for name in new)}"
                " REMOVE deleted_at, deleted_by, delete_request_id, purge_at"
            ),
            "ConditionExpression": (
                "delete_request_id = :deletion AND deleted_at = :flagged AND attribute_not_exists(erased_at)"
            ),
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        return [{"Update": update}]

    def committed(self) -> None:
        """Take note of the store's yes."""
        self.restored = self.settled = True

    def refused(self, found: Item | None) -> None:
        """Leave it, unless this request restored it and the answer got lost."""
        self.settled = True
        self.restored = found is not None and self.restorer.made(found)


def of_record(record: Record, rows: Rows, ids: Sequence[str], restorer: Restorer) -> dict[str, Restoration]:
    """Those of the ids whose rows bear the flags of this very deletion."""
    deletion = record.deletion
    if deletion is None:
        return {}
    flagged = {each: rows[record.pk(each)] for each in ids if record.pk(each) in rows}
    return {each: Restoration(restorer, deletion, row) for each, row in flagged.items() if deletion.made(row)}


def restore(store: Store, rows: Sequence[Restoration], deadline: Deadline) -> Shortfall | None:
    """Restore the rows, a few transactions of up to 100 at once; None when all are settled.

    When it returns, nothing more is sent. A write without an answer that shows no effect yet stays in doubt.
    """
    stopped = commit(store, rows, LIMIT, deadline)
    if stopped is None:
        return None
    error, doubtful = stopped
    attributes = "pk, deleted_at, restored_request_id"
    found = read_back(store, [row.pk for row in doubtful], attributes, deadline)
    for row in doubtful:
        if row.pk in found and row.restorer.made(found[row.pk]):
            row.committed()
    if all(row.settled for row in rows):
        return None
    return Shortfall(error, sum(not row.settled for row in doubtful))
