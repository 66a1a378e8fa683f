"""Removing messages that are due: as many in a transaction as the store takes, and only what no hold covers.

Nothing is sent that was decided by holds that were read too long ago.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from threading import Event
from typing import Any

from expunge.deadline import Deadline
from expunge.deletions.contents import contents
from expunge.deletions.due import Due
from expunge.deletions.emptying import Emptying, Ended
from expunge.deletions.holds import Holds, InForce
from expunge.deletions.pace import Pace, Patience
from expunge.deletions.parking import Moved, waits
from expunge.errors import OutOfTime, Unavailable
from expunge.table.at_once import read_back
from expunge.table.store import Store
from expunge.table.transactions import INVALID, RowT, Transaction


class Removing:
    """What the threads of a run do with messages that it found, at most so many to a transaction."""

    def __init__(self, store: Store, holds: InForce, rows: int, deadline: Deadline) -> None:
        self._store = store
        self._holds = holds
        self._deadline = deadline
        self._pace = Pace(rows)
        self._stop = Event()
        self._emptying = Emptying(contents(), deadline)
        self._unanswered: list[Transaction[Any]] = []
        """Those that are under way, and those that ended without an answer to each attempt."""

    def end(self) -> None:
        """Begin nothing new."""
        self._stop.set()
        self._emptying.end()

    def settle(self) -> Sequence[Due]:
        """Once nothing is begun any more: read back what got no answer, and return it.

        What is not `removed` by then may be gone, or may yet be. Half of the time that is left is for this.
        """
        doubtful = list({id(row): row for row in self._in_doubt()}.values())
        if doubtful:
            last = self._deadline.for_reading_back()
            half = last.at_most(last.to_start() / 2)
            pks = list(dict.fromkeys(row.found.pk for row in doubtful))
            found = read_back(self._store, pks, "pk, purge_mark", half)
            for row in doubtful:
                if row.is_own(found.get(row.found.pk, {})):
                    row.committed()
        return doubtful

    def _in_doubt(self) -> Iterator[Due]:
        for transaction in list(self._unanswered):
            for row in transaction.in_doubt:
                due = row.due if isinstance(row, Ended) else row
                if isinstance(due, Due) and not due.removed:
                    yield due

    def remove(self, rows: Sequence[Due]) -> None:
        """Remove what no hold covers, and move or date anew what is to stay. Raises StoreError."""
        left = list(rows)
        while left:
            some = left[: self._pace.rows]
            going, holds = self._decided(some)
            left[: len(some)] = self._commit(going, holds)
        self._write([row.moved for row in rows if row.moved is not None])
        self._write([row.anew for row in rows if row.anew is not None])
        if named := [row for row in rows if row.content_url is not None]:
            self._empty(named)

    def _decided(self, rows: Sequence[Due]) -> tuple[Sequence[Due], Holds]:
        """Those that are to be removed by the holds of now, and these holds."""
        holds = self._holds.now()
        held = holds.among(self._store, list(dict.fromkeys(row.found.pk for row in rows)), self._deadline)
        return [row for row in rows if row.judge(held=row.found.pk in held)], holds

    def _empty(self, rows: Sequence[Due]) -> None:
        """Remove what has its content in S3; what a hold covers by now is set aside.

        What waited for the end of a hold and is left because of S3 goes back to the bin, where every run
        comes upon it.
        """
        left = rows
        while left:
            going, holds = self._decided(left)
            left = self._emptying.empty(going, partial(self._write, holds=holds), holds)
        for row in rows:
            if row.left is not None and waits(row.found):
                row.moved = Moved.back(row.found)
        self._write([row.moved for row in rows if row.moved is not None])

    def _write(self, rows: Sequence[RowT], holds: Holds | None = None) -> None:
        """Write these, as long as the holds by which they were decided are not out of date."""
        left = list(rows)
        while left and (holds is None or holds.usable):
            some = left[: self._pace.rows]
            left[: len(some)] = self._commit(some, holds)

    def _commit(self, rows: Sequence[RowT], holds: Holds | None = None) -> Sequence[RowT]:
        """Write these in one transaction, and return those for which it was too large.

        If the holds by which they were chosen are out of date, return those that must be chosen anew.
        """

        def out_of_date() -> bool:
            return holds is not None and not holds.usable

        transaction = Transaction(rows)
        self._unanswered.append(transaction)
        patience = Patience(transaction)
        too_many = False
        try:
            transaction.commit(
                self._store,
                self._deadline,
                lambda: self._stop.is_set() or out_of_date() or patience.ends(),
            )
        except OutOfTime:
            too_many = patience.ended
            if self._stop.is_set() or not (too_many or out_of_date()):
                raise
        except Unavailable as error:
            # DynamoDB takes 4 MB a transaction, and does not say whether what is deleted counts.
            if str(error) not in INVALID or len(transaction.open) == 1:
                raise
            too_many = True
        else:
            self._pace.went_well()
        finally:
            if not transaction.in_doubt:
                self._unanswered.remove(transaction)
        if too_many:
            self._pace.too_many(len(transaction.open))
        return transaction.open
