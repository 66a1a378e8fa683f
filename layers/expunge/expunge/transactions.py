"""Conditional writes in transactions of up to 100, each row committed or not, and never in doubt for long.

A cancelled transaction says row by row why. Rows whose condition failed are settled by that: they are taken
out, and the rest is sent again. Conflicts, throttling and lost answers are tried again in time. A client
token makes a repetition of the same transaction exact.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from botocore.exceptions import ClientError

from expunge.deadline import Deadline
from expunge.errors import OutOfTime, Unavailable
from expunge.store import FAILURES, Item, Retry, Store, passing

LIMIT = 100
"""Rows in a transaction; DynamoDB's own limit."""


class Row(Protocol):
    """One conditional write and what became of it."""

    def write(self, table: str) -> dict[str, Any]:
        """Give the entry of TransactItems; its condition fails with ALL_OLD."""

    def committed(self) -> None:
        """Take note that the write was done."""

    def refused(self, found: Item | None) -> None:
        """Take note that the condition failed, on that item or on none."""


RowT = TypeVar("RowT", bound=Row)


class Transaction(Generic[RowT]):
    """Up to 100 rows on their way into the store.

    `open` holds the rows that are neither committed nor refused; `in_doubt` says that a write of them was
    sent whose answer has not come.
    """

    def __init__(self, rows: Sequence[RowT]) -> None:
        self.open: list[RowT] = list(rows)
        self.in_doubt = False

    def commit(self, store: Store, deadline: Deadline, give_up: Callable[[], bool]) -> None:
        """Write until every row is settled. Raises StoreError; `open` then says what is left."""
        retry = Retry(deadline)
        token = _token()
        while self.open:
            if give_up() or deadline.to_start() <= 0:
                raise OutOfTime
            was_in_doubt, self.in_doubt = self.in_doubt, True
            try:
                store.client.transact_write_items(
                    TransactItems=[row.write(store.table) for row in self.open],  # type: ignore[misc]
                    ClientRequestToken=token,
                )
            except FAILURES as error:
                self.in_doubt = was_in_doubt or not _definite(error)
                if self._take_out_refused(error):
                    token = _token()
                else:
                    retry.failed(error)
            else:
                for row in self.open:
                    row.committed()
                self.open = []
        self.in_doubt = False

    def _take_out_refused(self, error: Exception) -> bool:
        reasons = _reasons(error)
        if not reasons:
            return False
        left: list[RowT] = []
        for row, reason in zip(self.open, reasons, strict=True):
            if reason["Code"] == "ConditionalCheckFailed":
                row.refused(reason.get("Item"))
            elif reason["Code"] == "None" or passing(reason["Code"]):
                left.append(row)
            else:
                raise Unavailable(reason["Code"]) from error
        taken_out = len(left) < len(self.open)
        self.open = left
        return taken_out


def _token() -> str:
    return str(uuid.uuid4())


def _reasons(error: Exception) -> Sequence[Any]:
    return error.response.get("CancellationReasons", ()) if isinstance(error, ClientError) else ()


def _definite(error: Exception) -> bool:
    """Whether the store itself said no: then nothing was written."""
    return isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500  # noqa: PLR2004
