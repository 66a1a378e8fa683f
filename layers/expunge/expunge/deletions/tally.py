"""What became of the messages that a run found, in numbers."""

from collections import Counter
from collections.abc import Sequence

from expunge.deadline import Deadline
from expunge.deletions import parking
from expunge.deletions.due import Due
from expunge.deletions.parking import Look, Waiting
from expunge.errors import StoreError
from expunge.table.store import Store
from expunge.telemetry import logger


class Tally:
    """Counts of one run; `waiting` is what earlier ones noted about messages that are held.

    `look` is how far this run got with those, None if it did not look; `through` says that these were all.
    """

    def __init__(self) -> None:
        self.waiting = Waiting()
        self.look: Look | None = None
        self.through = False
        self._count = Counter[str]()
        self._looked = 0
        self._back = set[str]()
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
            if row.held and row.moved is not None and row.moved.done:
                self._count["aside"] += 1
                seen = self.look and not self.through and not self.look.is_past(row.moved)
                self._count["aside, not seen"] += not seen
            self._count["waiting"] += row.held and row.moved is None
            self._count["due, waiting"] += row.held and row.moved is None and row.in_time
            if row.left is not None and row.found.pk not in self._back:
                if row.moved is not None and row.moved.done:
                    self._back.add(row.found.pk)
                self._left[str(row.left)] += 1
                self._count["stays"] += row.left.stays
                self._deletions.setdefault(row.deletion_id)

    def late(self, rows: Sequence[Due]) -> None:
        """Count those of these, which were counted before, that have proved to be removed since."""
        self._count["removed"] += sum(row.removed for row in rows)

    def looked(self, look: Look | None, *, through: bool) -> None:
        """Take note of how far the run has got with all that wait up to there."""
        self.look, self.through = look, through
        self._looked = self._count["waiting"]

    @property
    def held(self) -> int:
        """How many are due but held: as they were counted, or as noted by the run that counted them last."""
        if self.look and self.through:
            return self.look.counted + self._count["due, waiting"] + self._count["aside, not seen"]
        return self.waiting.messages + self._count["aside"]

    def note_waiting(self, store: Store, deadline: Deadline) -> None:
        """Note for later runs how many wait. If that fails, they count anew or tell an old number."""
        number, look, looked = self._count["aside"], self.look, None
        if look is not None:
            look = look._replace(counted=look.counted + self._looked + self._count["aside, not seen"])
            if self.through:
                number, looked = look.counted, self.waiting.looked_through(look)
        elif not number:
            return
        try:
            parking.note(store, number, looked, deadline.for_settling(), look)
        except StoreError as error:
            logger.warning("What waits was not noted", extra={"reason": error.reason})

    def say_what_is_left(self) -> tuple[int, int]:
        """Log why contents were not removed, and of which deletions.

        Return how many they are, and for how many of them it is no use to try again at once.
        """
        if self._left:
            extra = {"reasons": dict(self._left), "deletions": list(self._deletions)[:10]}
            logger.error("Contents in S3 were not removed, so that their messages stay", extra=extra)
        return self._left.total(), self._count["stays"]
