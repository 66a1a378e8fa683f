"""Due messages whose content is in S3: first the object goes, then the record, until both are gone.

Before that it is noted on the record that the message is being erased: from then on it cannot be restored,
so that nobody gets back a message whose content is gone. Whatever dies in between, the message stays in the
bin, and the next run does the same again.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.contents import Contents
from expunge.deletions.due import Due
from expunge.deletions.holds import Holds
from expunge.errors import ContentLeft
from expunge.table import keys
from expunge.table.store import Item, key
from expunge.table.transactions import Row

_AT_ONCE = 8

Write = Callable[[Sequence[Row]], None]


@dataclass(slots=True)
class Begun:
    """The note that a message is being erased."""

    due: Due
    done: bool = field(default=False, init=False)

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        """Note it, if the message may still be purged and names the same content."""
        condition, values = self.due.condition()
        update = {
            "TableName": table,
            "Key": key(self.due.found.pk, keys.MESSAGE),
            "UpdateExpression": "SET erased_at = if_not_exists(erased_at, :now)",
            "ConditionExpression": f"{condition} AND content_url = :url",
            "ExpressionAttributeValues": values
            | {":now": {"S": timestamps.millis(self.due.purged_at)}, ":url": {"S": self.due.content_url}},
        }
        return [{"Update": update}]

    def committed(self) -> None:
        """Take note of the store's yes."""
        self.done = True

    def refused(self, found: Item | None) -> None:
        """Leave it: somebody has restored or changed it meanwhile."""


@dataclass(slots=True)
class Ended:
    """The tombstone of a message whose object is gone."""

    due: Due

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        """Put it in the place of the record."""
        return self.due.tombstone(
            table,
            "attribute_exists(erased_at) AND content_url = :url",
            {":url": {"S": self.due.content_url}},
        )

    def committed(self) -> None:
        """Take note of the store's yes."""
        self.due.removed = True

    def refused(self, found: Item | None) -> None:
        """Leave it: another run was quicker, unless it was an earlier attempt, whose answer got lost."""
        if found and self.due.is_own(found):
            self.committed()


class Emptying:
    """Removes objects, several at once, and the records after them."""

    def __init__(self, contents: Contents, deadline: Deadline) -> None:
        self._contents = contents
        self._deadline = deadline
        self._pool = ThreadPoolExecutor(_AT_ONCE)

    def empty(self, rows: Sequence[Due], write: Write, holds: Holds) -> Sequence[Due]:
        """Remove the rows and what they name; a row that is `left` says why. Raises StoreError.

        Once the holds by which the rows were chosen are out of date, nothing more is begun, here or by
        `write`. Rows that may not be done with by then are returned, so that the caller decides on them
        again.
        """
        begun = [Begun(row) for row in rows if not self._left(row)]
        write(begun)
        erased = [each.due for each in begun if each.done]
        gone = list(self._pool.map(lambda row: self._remove(row, holds), erased))
        write([Ended(row) for row, yes in zip(erased, gone, strict=True) if yes])
        return [] if holds.usable else [row for row in rows if not row.removed and row.left is None]

    def end(self) -> None:
        """Begin nothing new."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _left(self, row: Due) -> bool:
        row.left = self._contents.refusal(row.content_url or "")
        return row.left is not None

    def _remove(self, row: Due, holds: Holds) -> bool:
        try:
            return self._contents.remove(row.content_url or "", self._deadline, lambda: holds.usable)
        except ContentLeft as error:
            row.left = error
            return False
