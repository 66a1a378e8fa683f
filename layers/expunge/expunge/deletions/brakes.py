"""What stops a run of the purge although more is due: somebody has paused it, or it has removed enough."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.share import Share
from expunge.errors import Braked, EnoughPurged, PurgePaused, StoreError
from expunge.table import keys
from expunge.table.store import Store


class Pause(NamedTuple):
    """Whether the purge is paused, since when (RFC 3339) and by whom; these are None if it never was."""

    paused: bool = False
    since: str | None = None
    by: str | None = None

    def told(self) -> dict[str, Any]:
        """What `expunge purge status` prints."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    def lasts(self, now: datetime) -> float:
        """Seconds for which the purge has been paused, 0 if it is not."""
        if not self.paused or self.since is None:
            return 0.0
        return max(0.0, (now - timestamps.parse(self.since)).total_seconds())


def read(store: Store, deadline: Deadline) -> Pause:
    """Read it as it is now. Raises StoreError."""
    for item in store.get_batch([(keys.LEASE, keys.PAUSE)], deadline, "paused, since, paused_by"):
        return Pause(item["paused"]["BOOL"], item["since"]["S"], item["paused_by"]["S"])
    return Pause()


def write(store: Store, *, paused: bool, by: str, deadline: Deadline) -> Pause:
    """Pause the purge or let it go on; `since` stays where nothing changes. Raises StoreError."""
    before = read(store, deadline)
    if before.paused == paused:
        return before
    pause = Pause(paused, timestamps.millis(timestamps.now()), by)
    store.update(
        keys.LEASE,
        keys.PAUSE,
        deadline,
        UpdateExpression="SET paused = :paused, since = :since, paused_by = :by",
        ExpressionAttributeValues={
            ":paused": {"BOOL": paused},
            ":since": {"S": pause.since},
            ":by": {"S": by},
        },
    )
    return pause


class Brakes:
    """The brakes of a run, or of one of the `workers` that carry it out together.

    `most` messages may be removed, any number if it is 0. A worker takes the number from its `share` instead.
    """

    def __init__(
        self, store: Store, most: int, deadline: Deadline, workers: int = 1, share: Share | None = None
    ) -> None:
        self.pause = Pause()
        at_a_time = max(_FEWEST, STOPS_WITHIN // (_USUAL_ROWS * workers))
        self.under_way = min(_MOST, max(_FEWEST - 1, at_a_time // 2))
        """Transactions that may be on their way when the next one is begun."""
        self.looks_every = min(_MOST, at_a_time - self.under_way)
        """Transactions that are begun without looking whether somebody has paused the purge."""
        self.rows = STOPS_WITHIN // (workers * (self.under_way + self.looks_every))
        """Messages that a transaction may have."""
        self._store = store
        self._most = most
        self._share = share
        self._deadline = deadline
        self._asked = 0

    def check(self) -> None:
        """To be called before each transaction; looks every few calls. Raises PurgePaused, StoreError."""
        if self._asked % self.looks_every == 0:
            self.pause = read(self._store, self._deadline)
        self._asked += 1
        if self.pause.paused:
            raise PurgePaused

    def let_go(self) -> bool:
        """Whether the purge may go on; False also if the store fails."""
        try:
            self.check()
        except (Braked, StoreError):
            return False
        return True

    def room(self, removed: int) -> int | None:
        """How many more may be removed; None if any number. Raises EnoughPurged, RoundOver, StoreError."""
        if self._share is not None and removed >= self._most:
            self._most += self._share.take(self._deadline)
        elif not self._most:
            return None
        if removed >= self._most:
            raise EnoughPurged
        return self._most - removed

    def give_back(self, removed: int) -> None:
        """Let others have what was taken of the share and not used."""
        if self._share is not None and self._most > removed:
            self._share.give_back(self._most - removed)
            self._most = removed


STOPS_WITHIN: Final = 1000
"""Messages that are still removed at most after a pause, by all workers of a run together."""

# What was on its way when somebody paused the purge, and what is begun until the next look, is still removed:
# together that may be a thousand messages. A few workers can each have several transactions of fifty; of
# many, each has four on their way and looks before each, and its transactions are smaller.
_USUAL_ROWS = 50
_MOST = 8
_FEWEST = 5
