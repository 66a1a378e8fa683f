"""A clock that a test moves, and a store that takes time by it."""

from collections.abc import Sequence
from datetime import timedelta
from threading import Lock
from typing import Any

import pytest

from expunge import timestamps
from expunge.table.store import store
from tests.world import Context


class Clock(Context):
    """A wall clock and an invocation's time, which both run only when they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, time_limit: float = 29) -> None:
        super().__init__()
        self._ends = time_limit
        self.began = timestamps.now()
        self.seconds = 0.0
        self._lock = Lock()
        monkeypatch.setattr(timestamps, "now", lambda: self.began + timedelta(seconds=self.seconds))

    def run(self, seconds: float) -> None:
        with self._lock:
            self.seconds += seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self._ends - self.seconds))

    def invocation(self, time_limit: float) -> "Clock":
        """Begin an invocation with so many seconds."""
        self._ends = self.seconds + time_limit
        return self


class SlowStore:
    """A store whose queries and transactions take so many seconds each, one after the other."""

    def __init__(
        self,
        clock: Clock,
        seconds: float,
        monkeypatch: pytest.MonkeyPatch,
        operations: Sequence[str] = ("query", "transact_write_items"),
    ) -> None:
        self.calls = 0
        for name in operations:
            call = getattr(store().client, name)
            monkeypatch.setattr(store().client, name, self._slow(clock, seconds, call))

    def _slow(self, clock: Clock, seconds: float, call: Any) -> Any:
        def slow(**arguments: Any) -> Any:
            self.calls += 1
            clock.run(seconds)
            return call(**arguments)

        return slow
