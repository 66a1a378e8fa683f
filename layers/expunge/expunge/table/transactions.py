"""Conditional writes in transactions: each row is committed or not, and the writer knows which.

If DynamoDB cancels a transaction, it says item by item why. Rows whose condition failed are settled by that
and taken out. Rows that another transaction is writing at this moment are put off for a short while. What
remains is sent again at once. After throttling or a lost answer the same transaction is repeated while there
is time. It has a client token, by which DynamoDB recognises a repetition and does not make it twice.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from botocore.exceptions import ClientError

from expunge.deadline import Deadline
from expunge.errors import OutOfTime, Unavailable, code_of
from expunge.table.retries import FAILURES, Retry, is_conflict, is_definite, is_transient
from expunge.table.sending import HeldBack, checked_by
from expunge.table.store import CONDITION_FAILED, Item, Store

LIMIT = 100
"""Items in a transaction; DynamoDB's own limit."""

INVALID = ("ValidationException", "ValidationError")
"""Error codes of a transaction, or of an item in it, that DynamoDB will not take however often it is sent."""


class Row(Protocol):
    """Writes that belong together, and who is told what became of them."""

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        """Give its entries of TransactItems, the same ones each time."""

    def committed(self) -> None:
        """Note that it was written."""

    def refused(self, found: Item | None) -> None:
        """Note that a condition failed.

        `found` is the item that failed it; None if there is none, or if the write does not ask for ALL_OLD.
        """


RowT = TypeVar("RowT", bound=Row)


class Transaction(Generic[RowT]):
    """Rows with up to 100 writes in all, to be committed; `open` are those that are not settled yet."""

    def __init__(self, rows: Sequence[RowT]) -> None:
        self.open: list[RowT] = list(rows)
        # The rows of each attempt that was sent and may still be carried out, for all that is known.
        self._unanswered: list[list[RowT]] = []

    @property
    def in_doubt(self) -> list[RowT]:
        """Open rows that may have been written, or may yet be, because the answer to a write is missing."""
        sent = {id(row) for rows in self._unanswered for row in rows}
        return [row for row in self.open if id(row) in sent]

    def commit(self, store: Store, deadline: Deadline, give_up: Callable[[], bool]) -> None:
        """Write until every row is settled. Raises StoreError; `open` then says what is left.

        Once `give_up` has begun to return true, nothing more is sent.
        """
        retry = Retry(deadline)
        contested: list[RowT] = []
        sent: list[RowT] = []
        token = ""
        while self.open:
            rows = _without(self.open, contested)
            if not rows:
                retry.contested()
                rows, contested = list(self.open), []
            if rows != sent:  # AWS refuses a token that comes again with other items
                sent, token = rows, str(uuid.uuid4())
            if give_up():
                raise OutOfTime
            retry.begin()
            entries = [row.writes(store.table) for row in rows]
            try:
                with self._on_their_way(rows, give_up):
                    store.client.transact_write_items(
                        TransactItems=[entry for each in entries for entry in each],  # type: ignore[misc]
                        ClientRequestToken=token,
                    )
                    # Before the attempt is struck out: so at every moment each row is seen as written or
                    # as in doubt, whoever looks from another thread.
                    for row in rows:
                        row.committed()
            except FAILURES as error:
                refused, conflicting, hopeless = _told_apart(rows, entries, error)
                self.open = _without(self.open, refused)
                if hopeless:
                    raise Unavailable(code_of(hopeless[0])) from error
                contested += conflicting
                if not refused and not conflicting:
                    retry.failed(error)
            else:
                self.open = _without(self.open, rows)

    @contextmanager
    def _on_their_way(self, rows: list[RowT], give_up: Callable[[], bool]) -> Iterator[None]:
        """Note an attempt as unanswered before it is sent, and strike it out once there is an answer.

        An attempt is noted first and asks `give_up` then. So whoever makes `give_up` true and looks at
        `in_doubt` afterwards sees every attempt that was sent.
        """
        before = self._unanswered

        def check() -> None:
            self._unanswered = [*before, rows]
            if give_up():
                raise HeldBack

        try:
            with checked_by(check):
                yield
        except Exception as error:
            self._unanswered = before if is_definite(error) else [*before, rows]
            raise
        # These rows are written now, so an earlier attempt with one of them in it would fail its condition.
        self._unanswered = [each for each in before if len(_without(each, rows)) == len(each)]


def _told_apart(
    rows: Sequence[RowT], entries: Sequence[Sequence[Any]], error: Exception
) -> tuple[list[RowT], list[RowT], list[str]]:
    """Sort the rows by why their transaction was cancelled.

    Returns the rows whose condition failed, the rows that another transaction was writing, and the error
    codes of rows that the store will never take.
    """
    reasons = iter(_reasons(error))
    refused: list[RowT] = []
    contested: list[RowT] = []
    hopeless: list[str] = []
    for row, each in zip(rows, entries, strict=True):
        own = [reason for _, reason in zip(each, reasons, strict=False)]  # ends before the next row's
        failed = [reason for reason in own if reason["Code"] == CONDITION_FAILED]
        codes = [reason["Code"] for reason in own if reason["Code"] != "None"]
        if failed:
            row.refused(failed[0].get("Item"))
            refused.append(row)
        elif never := [code for code in codes if not is_transient(code)]:
            hopeless += never
        elif any(map(is_conflict, codes)):
            contested.append(row)
    return refused, contested, hopeless


def _without(rows: Sequence[RowT], others: Sequence[RowT]) -> list[RowT]:
    out = {id(row) for row in others}
    return [row for row in rows if id(row) not in out]


def _reasons(error: Exception) -> Sequence[Any]:
    return error.response.get("CancellationReasons", ()) if isinstance(error, ClientError) else ()
