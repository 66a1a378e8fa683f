"""How an invocation spends the time that Lambda gives it.

Lambda ends a function at its time limit without another word, so work stops before that, in stages: first
no more is searched for, then nothing new is written, then what is under way may end, then it is read back
what became of it, and then the answer goes out.
"""

import time
from collections.abc import Callable
from copy import copy
from typing import Protocol

# When each stage ends, in seconds before Lambda's limit. A call to the store takes up to 7 s to fail: 2 to
# connect and 5 to read (see store.CLIENT_CONFIG). Read from the end, for a function with a limit of 25 s:
_LAST_WORD = 1.0
"""The answer is written, logged and sent."""
_LAST_WAIT = 6.0
"""Writes without an answer are read back, in the 5 s from here to the last word. A read that takes longer is
given up: it changes nothing, and the answer says what is in doubt."""
_LAST_SETTLING = 8.0
"""The last moment for a single write that the function itself waits for: 7 s before the last word."""
_LAST_START = 13.0
"""The last moment for a write of many that are under way at once: 7 s before the wait for them ends."""
_LAST_SEARCH = 16.0
"""The last moment for a search. It leaves 3 s to delete what is found, so that a slow store, too, makes
progress with every request."""
_WHOLE = 24.0
"""Invocations that begin with less get all stages in proportion; one of 25 s may have had a slow start."""


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
        self._scale = min(1.0, remaining_ms() / 1000 / _WHOLE)

    @classmethod
    def never(cls) -> "Deadline":
        """One that does not come, for work outside Lambda."""
        return cls(lambda: 10**9)

    @classmethod
    def within(cls, seconds: float) -> "Deadline":
        """One that many seconds from now, for work outside Lambda that somebody waits for."""
        end = time.monotonic() + seconds
        return cls(lambda: int(1000 * (end - time.monotonic())))

    def for_searching(self) -> "Deadline":
        """An earlier cut-off, for reads that must leave time to delete what they find."""
        return self._until(_LAST_SEARCH)

    def for_settling(self) -> "Deadline":
        """A later cut-off, for the write that records work already done."""
        return self._until(_LAST_SETTLING)

    def for_reading_back(self) -> "Deadline":
        """The latest cut-off, for reads that may begin until the answer is due."""
        return self._until(_LAST_WORD)

    def at_most(self, seconds: float) -> "Deadline":
        """One that is so many seconds from now, if there are more, for what need not succeed."""
        rest = max(0.0, self.to_start() - seconds)
        return Deadline(lambda: int(1000 * (self.to_start() - rest)))

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
