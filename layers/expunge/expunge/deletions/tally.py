"""What became of the messages that a run found, in numbers."""

from collections import Counter
from collections.abc import Sequence

from expunge.deadline import Deadline
from expunge.deletions import parking
from expunge.deletions.due import Due
from expunge.deletions.parking import Waiting
from expunge.errors import StoreError
from expunge.table.store import Store
from expunge.telemetry import logger


class Tally:
    """Counts of one run; `waiting` is what earlier ones noted about messages that are held.

    `looked_at` is when this run looked through those, None if it did not.
    """

    def __init__(self) -> None:
        self.waiting = Waiting()
        self.looked_at: str | None = None
        self._count = Counter[str]()
        self._left = Counter[str]()
        self._deletions: dict[str, None] = {}

    @property
    def removed(self) -> int:
        """Messages that are gone."""
        return self._count["removed"]

    @property
    def dated_anew(self) -> int:
        """Messages that the retention in force keeps."""
        return self._count["anew"]

    def take(self, rows: Sequence[Due]) -> None:
        """Count what became of these."""
        for row in rows:
            self._count["removed"] += row.removed
            self._count["anew"] += row.anew is not None and row.anew.done
            self._count["aside"] += row.held and row.moved is not None and row.moved.done
            self._count["waiting"] += row.held and row.moved is None
            self._count["due, waiting"] += row.held and row.moved is None and row.in_time
            if row.left is not None:
                self._left[str(row.left)] += 1
                self._count["stays"] += row.left.stays
                self._deletions.setdefault(row.deletion_id)

    @property
    def held(self) -> int:
        """How many are due but held: as they were counted, or as noted by the run that counted them last."""
        looked_at = self.looked_at is not None
        return self._count["aside"] + (self._count["due, waiting"] if looked_at else self.waiting.messages)

    def note_waiting(self, store: Store, deadline: Deadline) -> None:
        """Note for later runs how many wait; if that fails, they count them, or the number is out of date."""
        number = self._count["aside"] + (0 if self.looked_at is None else self._count["waiting"])
        if self.looked_at is None and not number:
            return
        try:
            looked = None if self.looked_at is None else self.waiting.looked_through(self.looked_at)
            parking.note(store, number, looked, deadline.for_settling())
        except StoreError as error:
            logger.warning("What waits was not noted", extra={"reason": error.reason})

    def say_what_is_left(self) -> tuple[int, int]:
        """Log why contents were not removed, and of which deletions.

        Give how many there are, and of how many of them it is no use to try again at once.
        """
        if self._left:
            extra = {"reasons": dict(self._left), "deletions": list(self._deletions)[:10]}
            logger.error("Contents in S3 were not removed, so that their messages stay", extra=extra)
        return self._left.total(), self._count["stays"]
