"""Conditional writes in transactions, each row of up to 100 committed or not, and never in doubt for long.

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
from expunge.table.retries import FAILURES, Retry, is_definite, is_transient
from expunge.table.store import CONDITION_FAILED, Item, Store

LIMIT = 100
"""Items in a transaction; DynamoDB's own limit."""


class Row(Protocol):
    """Writes that belong together, one of them conditional, and what became of them."""

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        """Give the entries of TransactItems, as many as every other row of the transaction does."""

    def committed(self) -> None:
        """Take note that it was written."""

    def refused(self, found: Item | None) -> None:
        """Take note that the condition failed: on that item, if it asks for ALL_OLD and there is one."""


RowT = TypeVar("RowT", bound=Row)


class Transaction(Generic[RowT]):
    """Rows of up to 100 items in all on their way into the store.

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
                    TransactItems=[entry for row in self.open for entry in row.writes(store.table)],  # type: ignore[misc]
                    ClientRequestToken=token,
                )
            except FAILURES as error:
                self.in_doubt = was_in_doubt or not is_definite(error)
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
        each = len(reasons) // len(self.open)
        for row, at in zip(self.open, range(0, len(reasons), each), strict=True):
            codes = [reason["Code"] for reason in reasons[at : at + each]]
            if CONDITION_FAILED in codes:
                row.refused(reasons[at + codes.index(CONDITION_FAILED)].get("Item"))
                continue
            for code in codes:
                if code != "None" and not is_transient(code):
                    raise Unavailable(code) from error
            left.append(row)
        taken_out = len(left) < len(self.open)
        self.open = left
        return taken_out


def _token() -> str:
    return str(uuid.uuid4())


def _reasons(error: Exception) -> Sequence[Any]:
    return error.response.get("CancellationReasons", ()) if isinstance(error, ClientError) else ()
