"""Threads that run by a simulated clock: one at a time, and the clock jumps to when the next one is due.

The code under simulation is the real one. Only what it waits with is replaced: executors, `wait`, `sleep` and
the present. So an hour of sixty-four functions passes as quickly as their work can be computed, always alike.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple
from unittest.mock import patch

START = datetime(2026, 10, 1, tzinfo=UTC)


class Over(BaseException):
    """The simulated time has ended."""


class _Turn:
    """A thread's wish to go on; it is fulfilled once."""

    def __init__(self) -> None:
        self.lock = threading.Semaphore(0)
        self.taken = False


class Simulation:
    """A clock in seconds, and the threads that wait for it."""

    def __init__(self, until: float) -> None:
        self.now = 0.0
        self._until = until
        self._waiting: list[tuple[float, int, _Turn]] = []
        self._order = count()
        self._end = threading.Semaphore(0)
        self._local = threading.local()
        self._over = False
        self.errors: list[BaseException] = []

    def run(self, threads: Iterable[Callable[[], None]]) -> None:
        """Run these threads, and those that they start, until all have ended or the time is over."""
        for number, thread in enumerate(threads):
            self.start(thread, owner=number)
        self._next()
        self._end.acquire()
        if self.errors:
            raise self.errors[0]

    @property
    def owner(self) -> Any:
        """On whose behalf this thread works: the number of the first one that started it."""
        return self._local.owner

    def start(self, work: Callable[[], None], owner: Any = None) -> None:
        """Have a thread begin now, after those that are due already."""
        turn = _Turn()
        owner = self.owner if owner is None else owner

        def live() -> None:
            self._local.owner = owner
            turn.lock.acquire()
            try:
                if not self._over:
                    work()
            except Over:
                pass
            except BaseException as error:  # it ends the simulation, and is raised there
                self.errors.append(error)
                self._over = True
            self._next()

        threading.Thread(target=live, daemon=True).start()
        self._wait_until(self.now, turn)

    def sleep(self, seconds: float) -> None:
        """Let this thread wait."""
        turn = _Turn()
        self._wait_until(self.now + max(0.0, seconds), turn)
        self.pause(turn)

    def pause(self, turn: _Turn) -> None:
        """Let others run until it is this thread's turn. Raises Over."""
        self._next()
        turn.lock.acquire()
        if self._over:
            raise Over

    def wake(self, turn: _Turn) -> None:
        """Let a thread go on now."""
        self._wait_until(self.now, turn)

    def _wait_until(self, moment: float, turn: _Turn) -> None:
        heappush(self._waiting, (moment, next(self._order), turn))

    def wake_at(self, moment: float, turn: _Turn) -> None:
        """Let a thread go on then, unless it does before."""
        self._wait_until(moment, turn)

    def _next(self) -> None:
        while self._waiting:
            moment, _, turn = heappop(self._waiting)
            if turn.taken:
                continue
            turn.taken = True
            if moment > self._until:
                self._over = True
            else:
                self.now = moment
            turn.lock.release()
            return
        self._end.release()

    @contextmanager
    def replacing(self, *modules: Any) -> Iterator[None]:
        """Replace in these modules what they wait with."""
        with patch("expunge.timestamps.now", lambda: START + timedelta(seconds=self.now)):
            patches: list[Any] = [patch("expunge.table.retries.time", _Sleeping(self.sleep))]
            for module in modules:
                if hasattr(module, "ThreadPoolExecutor"):
                    patches.append(
                        patch.object(module, "ThreadPoolExecutor", lambda most: Executor(self, most))
                    )
                if hasattr(module, "_idle"):
                    patches.append(patch.object(module, "_idle", []))
                if hasattr(module, "wait"):
                    patches.append(patch.object(module, "wait", self.wait))
            for each in patches:
                each.start()
            try:
                yield
            finally:
                for each in patches:
                    each.stop()

    def wait(
        self, futures: Collection["Future"], timeout: float | None = None, return_when: str = ""
    ) -> "Done":
        """Stand in for concurrent.futures.wait."""
        needed = 1 if return_when == FIRST_COMPLETED else len(futures)
        end = None if timeout is None else self.now + timeout
        while sum(each.finished for each in futures) < needed and (end is None or self.now < end):
            turn = _Turn()
            for each in futures:
                if not each.finished:
                    each.waiting.append(turn)
            if end is not None:
                self.wake_at(end, turn)
            self.pause(turn)
        done = {each for each in futures if each.finished}
        return Done(done, set(futures) - done)


class _Sleeping(NamedTuple):
    sleep: Callable[[float], None]


class Done(NamedTuple):
    """What `wait` returns."""

    done: set["Future"]
    not_done: set["Future"]


class Future:
    """Stands in for a future of concurrent.futures."""

    def __init__(self, simulation: Simulation, work: Callable[[], Any]) -> None:
        self.waiting: list[_Turn] = []
        self.finished = False
        self._simulation = simulation
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None
        self._cancelled = False

    def carry_out(self) -> None:
        """Do the work, and let those go on who wait for it."""
        try:
            self._result = self._work()
        except Exception as error:
            self._error = error
        self._finish()

    def cancel(self) -> None:
        """End it without having begun it."""
        self._cancelled, self._error = True, CancelledError()
        self._finish()

    def _finish(self) -> None:
        self.finished = True
        for turn in self.waiting:
            self._simulation.wake(turn)
        self.waiting.clear()

    def cancelled(self) -> bool:
        """Whether it ended without having begun."""
        return self._cancelled

    def exception(self) -> BaseException | None:
        """What the work raised."""
        return self._error

    def result(self, timeout: float | None = None) -> Any:
        """What the work returned, once it has. Raises TimeoutError."""
        self._simulation.wait([self], timeout)
        if not self.finished:
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._result


class Executor:
    """Stands in for a ThreadPoolExecutor."""

    def __init__(self, simulation: Simulation, most: int) -> None:
        self._simulation = simulation
        self._idle = most
        self._queue: deque[Future] = deque()

    def submit(self, work: Callable[..., Any], *arguments: Any, **named: Any) -> Future:
        """Have some work done by one of the threads."""
        future = Future(self._simulation, lambda: work(*arguments, **named))
        self._queue.append(future)
        if self._idle:
            self._idle -= 1
            self._simulation.start(self._carry_out)
        return future

    def _carry_out(self) -> None:
        while self._queue:
            self._queue.popleft().carry_out()
        self._idle += 1

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as there
        """Begin nothing more, if asked to."""
        del wait
        while cancel_futures and self._queue:
            self._queue.popleft().cancel()
