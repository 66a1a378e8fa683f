"""What a run of the purge, or one of its workers, has removed, and how far it got."""

from typing import NamedTuple

from expunge.errors import Braked, EnoughPurged, PurgeFailed, StoreError, Unavailable
from expunge.telemetry import count, logger


class Purged(NamedTuple):
    """How many messages a run removed and dated anew, and how far it got.

    `oldest` is when the first message that it found was or is due, None if it found none, not counting what
    is held. `stopped` is why it did not go on until nothing was due. `held` counts messages that are due and
    wait for the end of a hold.
    """

    removed: int
    dated_anew: int
    oldest: str | None
    stopped: StoreError | Braked | None
    held: int = 0
    content_left: int = 0
    """Messages that are still there because their content in S3 is, or may be."""
    content_stays: int = 0
    """Those of them that another run, right after this one, would leave as well."""
    in_doubt: int = 0
    """Messages that may have been removed besides, or may yet be: the answer never came."""

    @property
    def enough(self) -> bool:
        """Whether it stopped because it had removed as many as it may."""
        return isinstance(self.stopped, EnoughPurged)

    @property
    def reason(self) -> str | None:
        """Why it stopped before nothing was due, in a few words; None if it did not."""
        return None if self.stopped is None else self.stopped.reason

    def say_if_enough(self) -> None:
        """Log and count that it stopped at its limit, for the alarm."""
        if self.enough:
            logger.error(
                "Stopped: as many messages were purged as one run may", extra={"purged": self.removed}
            )
            count("purge", StoppedAtLimit=1)

    def raise_if_failed(self, resumed: int = 0) -> None:
        """Raise PurgeFailed if it stopped because the store failed, `resumed` being background deletions."""
        if isinstance(self.stopped, Unavailable):
            raise PurgeFailed(self.stopped, self.removed, resumed, self.in_doubt) from self.stopped
