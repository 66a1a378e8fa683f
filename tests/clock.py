"""A clock that a test moves, and a store that takes time by it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import pytest

from expunge import timestamps
from expunge.table.store import store
from tests.world import Context

AFTER_ALL = datetime(2026, 5, 1, 12, tzinfo=UTC)
"""A while after all records of the tests' world."""


class Clock(Context):
    """The service's clock and an invocation's time, which both run only when they are told to."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, time_limit: float = 29, *, began: datetime | None = None
    ) -> None:
        super().__init__()
        self._ends = time_limit
        self.began = began or timestamps.now()
        self.seconds = 0.0
        self._lock = Lock()
        monkeypatch.setattr(timestamps, "now", lambda: self.now)

    @property
    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.seconds)

    def advance(self, **time: float) -> None:
        """Let days, hours, minutes or seconds pass."""
        self.run(timedelta(**time).total_seconds())

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
