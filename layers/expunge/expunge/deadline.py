"""How an invocation spends the time that Lambda gives it.

Lambda ends a function at its time limit without another word, so work stops before: first nothing new is
begun, then what is under way may end, then what became of it is read back, then the answer goes out.
"""

from collections.abc import Callable
from copy import copy
from typing import Protocol

# Seconds before Lambda's limit. A call to the store that begins at the last moment takes up to 7 s to fail
# (see store.CLIENT_CONFIG).
_LAST_SEARCH = 18.0
_LAST_START = 12.0
_LAST_SETTLING = 8.0
_LAST_WAIT = 6.0
_LAST_WORD = 1.0


class Context(Protocol):
    """What is used of the Lambda context."""

    @property
    def aws_request_id(self) -> str:
        """The id of the invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


class Deadline:
    """Seconds left for each stage of an invocation; short invocations get the stages in proportion."""

    def __init__(self, remaining_ms: Callable[[], int]) -> None:
        self._remaining_ms = remaining_ms
        self._last_start = _LAST_START
        self._scale = min(1.0, remaining_ms() / 1000 / (2 * _LAST_START))

    def for_searching(self) -> "Deadline":
        """The same end, for calls that leave time to delete what they found."""
        return self._until(_LAST_SEARCH)

    def for_settling(self) -> "Deadline":
        """The same end, for calls that follow on work which may have gone on until nothing new may begin."""
        return self._until(_LAST_SETTLING)

    def for_reading_back(self) -> "Deadline":
        """The same end, for calls that may begin until the answer is due."""
        return self._until(_LAST_WORD)

    def to_start(self) -> float:
        """Seconds in which a call to the store may still begin; not positive when it is too late."""
        return self._left(self._last_start)

    def to_wait(self) -> float:
        """Seconds to wait for calls that are under way."""
        return self._left(_LAST_WAIT)

    def to_answer(self) -> float:
        """Seconds until the answer must be on its way."""
        return self._left(_LAST_WORD)

    def to_end(self) -> float:
        """Seconds until Lambda ends the invocation."""
        return self._left(0)

    def _until(self, last_start: float) -> "Deadline":
        stage = copy(self)
        stage._last_start = last_start  # noqa: SLF001 - a copy of itself
        return stage

    def _left(self, reserve: float) -> float:
        return self._remaining_ms() / 1000 - reserve * self._scale
