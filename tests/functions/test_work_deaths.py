"""A scheduled run or a worker that dies at any of its calls costs nothing but time."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from threading import Lock
from typing import Any

import pytest

from expunge import timetokens
from expunge.background import rounds
from expunge.deadline import Deadline
from expunge.deletions.soft_delete import Deletion
from expunge.history import notes
from expunge.history.notes import Sweep
from purge import run as purge
from tests.clock import Clock
from tests.disturbances import Call, intercept
from tests.functions.spread import DELETED, Queue, done, purged, too_short
from tests.world import SUB_KEY, World, message_id

DUE = 12
LIVING = range(DUE, DUE + 3)
PUBLISHED = range(1000, 1008)


class Died(BaseException):
    """No code of the service outlives it."""


class Mortal:
    """A process that dies at one of its calls, before or after that is carried out."""

    def __init__(self, dies_at: int, *, after: bool) -> None:
        self.calls = 0
        self._dies_at = dies_at
        self._after = after
        self._dead = False
        self._lock = Lock()

    def lives(self, life: Callable[[], object]) -> None:
        """Have it do something, as long as it lives."""
        with pytest.MonkeyPatch.context() as patch, suppress(Died):
            intercept(patch, self._call, ["dynamodb", "sqs"])
            life()

    def _call(self, make: Call, client: Any, operation: str, params: dict[str, Any]) -> Any:
        with self._lock:
            self._dead |= self.calls == self._dies_at and not self._after
            if self._dead:
                raise Died
            self.calls += 1
            reply = make(client, operation, params)
            self._dead = self.calls == self._dies_at and self._after
            if self._dead:
                raise Died
            return reply


@pytest.fixture
def busy(world: World, clock: Clock) -> World:
    """Messages that are due, others that live, and a background deletion."""
    for number in range(DUE):
        world.message(number, **DELETED)
    for number in LIVING:
        world.message(number)
    world.channel_messages("ch1", *PUBLISHED)
    asked = clock.now - timedelta(hours=1)
    now = timetokens.after(asked)
    deletion = Deletion.of("req_1", SUB_KEY, asked, 30)
    notes.put(world.store, Sweep(SUB_KEY, ["ch1"], range(now), now, deletion), Deadline.never())
    return world


def looks_what_is_left(world: World, clock: Clock) -> None:
    """A scheduled run while work is spread."""
    rounds.begin(world.store, Deadline.never())
    clock.run(1)
    purge({}, clock.invocation(270))


def hands_over(_: World, clock: Clock) -> None:
    """One whose time does not suffice."""
    too_short(clock)


@pytest.mark.slow
@pytest.mark.parametrize("run", [looks_what_is_left, hands_over])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("dies_at", range(0, 96, 6))
def test_wherever_a_run_or_a_worker_dies_all_is_done_once_in_the_end(
    busy: World, queue: Queue, clock: Clock, dies_at: int, moment: str, run: Callable[[World, Clock], None]
) -> None:
    mortal = Mortal(dies_at, after=moment == "after")
    mortal.lives(lambda: run(busy, clock))
    for body in queue.take():
        mortal.lives(partial(done, body))

    for _ in range(6):
        clock.run(300)
        result = purge({}, clock.invocation(270))
        for body in queue.take():
            done(body)
        if not result["remaining"]:
            break

    assert result["remaining"] is False
    assert purged(busy) == DUE
    assert busy.live() == {message_id(number) for number in LIVING}
    assert (busy.history("ch1"), busy.sweeps()) == ([], 0)
    assert rounds.current(busy.store, Deadline.never()) == rounds.Round()
