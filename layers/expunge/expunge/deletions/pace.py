"""How many messages a transaction takes: fewer when the store cannot take as many, then slowly more again.

DynamoDB charges for the size of what is deleted. Fifty contents of 350 KB are about 35,000 write units, more
than a table may ever take in one call; but how large a content is, no index says. So the store's own answers
set the pace.
"""

from threading import Lock
from typing import Any

from expunge.table.transactions import Transaction

# Attempts at one transaction before it is taken for too large. A short throttling is over by then.
_ATTEMPTS = 3

# Transactions that must go well before the next ones take one message more.
_GONE_WELL = 4


class Pace:
    """The size of the next transaction of a run, for all its threads."""

    def __init__(self, most: int) -> None:
        self.rows = most
        self._most = most
        self._gone_well = 0
        self._lock = Lock()

    def too_many(self, rows: int) -> None:
        """Take at most half as many from now on."""
        with self._lock:
            self.rows = max(1, min(self.rows, rows // 2))
            self._gone_well = 0

    def went_well(self) -> None:
        """After a few of these, take one more."""
        with self._lock:
            self._gone_well += 1
            if self._gone_well == _GONE_WELL:
                self.rows, self._gone_well = min(self._most, self.rows + 1), 0


class Patience:
    """Is asked before each attempt at a transaction, and ends the attempts when a smaller one may do better.

    It does not end them for a single row, which cannot be made smaller, nor while an answer is missing: only
    the same transaction, sent again, can tell what became of it.
    """

    def __init__(self, transaction: Transaction[Any]) -> None:
        self._transaction = transaction
        self._rows = len(transaction.open)
        self._attempts = 0
        self.ended = False

    def ends(self) -> bool:
        """Whether not to try again, with the rows that are still open."""
        if self._transaction.in_doubt:
            return False
        rows = len(self._transaction.open)
        if rows < self._rows:  # some rows are settled, so the store did answer
            self._rows, self._attempts = rows, 0
        self._attempts += 1
        self.ended = self._attempts > _ATTEMPTS and rows > 1
        return self.ended
