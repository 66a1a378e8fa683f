"""What stops a run of the purge although more is due: somebody has paused it, or it has removed enough."""

from datetime import datetime
from typing import Any, NamedTuple

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.errors import EnoughPurged, PurgePaused
from expunge.table import keys
from expunge.table.store import Store


class Pause(NamedTuple):
    """Whether the purge is paused, since when (RFC 3339) and by whom; these are None if it never was."""

    paused: bool = False
    since: str | None = None
    by: str | None = None

    def told(self) -> dict[str, Any]:
        """As it is printed."""
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
    """The brakes of one run; `most` messages may be removed by it, any number if it is 0."""

    def __init__(self, store: Store, most: int, deadline: Deadline) -> None:
        self.pause = Pause()
        self._store = store
        self._most = most
        self._deadline = deadline
        self._asked = 0

    def check(self) -> None:
        """Be asked before each transaction: every so often, look. Raises PurgePaused, StoreError."""
        if self._asked % _LOOKS_EVERY == 0:
            self.pause = read(self._store, self._deadline)
        self._asked += 1
        if self.pause.paused:
            raise PurgePaused

    def room(self, removed: int) -> int | None:
        """How many more may be removed; None if any number. Raises EnoughPurged for none."""
        if not self._most:
            return None
        if removed >= self._most:
            raise EnoughPurged
        return self._most - removed


# Transactions of up to 50 messages, while as many again are on their way: a pause stops a run within 1,000
# messages.
_LOOKS_EVERY = 8
