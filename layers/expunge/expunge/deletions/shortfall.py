"""Why a request that flags or restores many messages stopped before it was through."""

from typing import NamedTuple

from expunge.errors import StoreError
from expunge.telemetry import logger


class Shortfall(NamedTuple):
    """Why it stopped, and how many more messages it may have changed, or may yet, without knowing."""

    error: StoreError
    in_doubt: int = 0

    def log(self, deletion: str, done: int) -> None:
        """Tell the operator, because the caller's answer is a 200 that says so."""
        extra = {"deletion": deletion, "reason": self.error.reason, "done": done, "in_doubt": self.in_doubt}
        logger.warning("Stopped early", extra=extra)
