"""Time in which nobody sleeps: a true clock, the clocks of functions that go wrong, and threads.

A thread's work is done when it is begun, and is over in the service's time when it would be: whoever waits
for it gets on that far, or gives it up. So one seed is one course of events, and a store that hangs
costs no second.
"""

import heapq
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ALL_COMPLETED, Future
from concurrent.futures._base import DoneAndNotDoneFutures
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib import import_module
from math import inf
from typing import Any

import pytest

from expunge import timestamps
from expunge.deletions import lease
from tests.clock import AFTER_ALL
from tests.world import Context

_WITH_THREADS = (
    *("table.at_once", "table.storing", "webhooks.delete_all", "history.passes", "history.restoring"),
    *("deletions.purging", "deletions.preview"),
)
_THAT_WAIT = ("table.storing", "table.at_once", "history.channels", "deletions.purging")


class Hangs(BaseException):
    """A call of the store that is never answered, made in a thread."""


class Timeline:
    """The time since a run began; the clock that functions see is `skew` seconds ahead of it."""

    start = AFTER_ALL

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        self.skew = 0.0
        self.in_thread = False
        patch.setattr(timestamps, "now", lambda: self.now + timedelta(seconds=self.skew))
        patch.setattr("time.sleep", self.advance)
        patch.setattr(lease, "Thread", _NoThread)
        for module in map(_module, _WITH_THREADS):
            patch.setattr(module, "ThreadPoolExecutor", lambda workers: Pool(self, workers))
        for module in map(_module, _THAT_WAIT):
            patch.setattr(module, "wait", self._wait)

    @property
    def now(self) -> datetime:
        """The true time."""
        return self.start + timedelta(seconds=self.seconds)

    def clock(self) -> str:
        """What a function's clock says, to the millisecond."""
        return timestamps.millis(timestamps.now())

    def advance(self, seconds: float) -> None:
        self.seconds += seconds

    @contextmanager
    def meanwhile(self) -> Iterator[None]:
        """Something else happens while a function is at work, which it costs no time."""
        before = self.seconds, self.skew, self.in_thread
        self.in_thread = False
        try:
            yield
        finally:
            self.seconds, self.skew, self.in_thread = before

    @contextmanager
    def thread(self, begins: float) -> Iterator[None]:
        """Work from that time on; afterwards it is as late as before."""
        before, self.in_thread = (self.seconds, self.in_thread), True
        self.seconds = begins
        try:
            yield
        finally:
            self.seconds, self.in_thread = before

    def _wait(
        self, futures: Collection[Any], timeout: float | None = None, return_when: str = ALL_COMPLETED
    ) -> Any:
        ends = [each.ends for each in futures]
        until = (max if return_when == ALL_COMPLETED else min)(ends, default=0.0)
        last = inf if timeout is None else self.seconds + timeout
        self.seconds = max(self.seconds, min(until, last))
        done = {each for each in futures if each.ends <= self.seconds}
        return DoneAndNotDoneFutures(done, set(futures) - done)


class Later(Future[Any]):
    """What a thread makes of its work, at the time `ends`."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.timeline = timeline
        self.ends = inf

    def done(self) -> bool:
        return self.ends <= self.timeline.seconds

    def result(self, timeout: float | None = None) -> Any:
        if timeout is not None and self.ends > self.timeline.seconds + timeout:
            self.timeline.advance(timeout)
            raise TimeoutError
        assert self.ends < inf, "somebody waits for ever"
        self.timeline.seconds = max(self.timeline.seconds, self.ends)
        return super().result(0)


class Pool:
    """Takes the place of a ThreadPoolExecutor: each of its threads works on one thing at a time."""

    def __init__(self, timeline: Timeline, workers: int) -> None:
        self._timeline = timeline
        self._free = [0.0] * workers
        self._waiting: list[Later] = []

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Later:
        future = Later(self._timeline)
        begins = max(self._timeline.seconds, heapq.heappop(self._free))
        ends = begins
        if begins < inf:
            with self._timeline.thread(begins):
                try:
                    future.set_result(work(*arguments))
                except Hangs:
                    self._timeline.seconds = inf
                except Exception as error:
                    future.set_exception(error)
                ends = self._timeline.seconds
        else:
            self._waiting.append(future)
        future.ends = ends
        heapq.heappush(self._free, ends)
        return future

    def shutdown(self, *, cancel_futures: bool = False, **_: Any) -> None:
        while cancel_futures and self._waiting:
            self._waiting.pop().cancel()


class Invocation(Context):
    """A Lambda context: so many seconds from now."""

    def __init__(self, timeline: Timeline, seconds: float) -> None:
        super().__init__()
        self._timeline = timeline
        self._ends = timeline.seconds + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self._ends - self._timeline.seconds))


class _NoThread:
    """Stands for the thread that renews the purge's lease, which no run here is long enough for."""

    def __init__(self, **_: Any) -> None:
        pass

    def start(self) -> None:
        pass

    def join(self, _seconds: float) -> None:
        pass


def _module(name: str) -> Any:
    return import_module(f"expunge.{name}")
