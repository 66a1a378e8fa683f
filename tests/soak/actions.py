"""What may happen: clients and writers, the schedule, workers, holds, the stream, time."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import publish_deletions
import purge
import work
from expunge import settings, timestamps
from expunge.deadline import Deadline
from expunge.deletions import holding
from expunge.deletions.covered import Covered
from expunge.errors import ExpungeError
from expunge.table.store import store
from tests.conftest import forget
from tests.soak.clients import Clients
from tests.soak.faults import Plan
from tests.soak.service import Asked
from tests.soak.themes import THEMES
from tests.stream import deliver, filtered
from tests.world import ACCOUNT, INBOUND, SUB_KEY

SLOW = Plan("slow store", 4, 1000, reads=True, writes=True)
FAULTS_OF_THE_BUS = (None, None, "throttled", "part", "died", "died before")


@dataclass
class Placed:
    """A hold that somebody knows of: in force a minute after it was placed until it is released."""

    covered: Covered
    id: str
    returned: float
    released: int | None = None
    """How many changes the journal had when its release began."""


class Actions(Clients):
    """Chooses what happens next."""

    def __init__(self, seed: int, stack: ExitStack) -> None:
        super().__init__(seed, stack)
        self.holds: list[Placed] = []
        self.told = 0
        self.begin()

    def first(self) -> None:
        """Delete something."""
        getattr(self, self._theme[0])()

    def interrupt(self) -> None:
        """Do one thing while a function is at work."""
        self.chance.choice((self.act, self.act, self.restore, self.purge_early))()

    def act(self) -> None:
        """Do one thing, mostly of the run's theme."""
        names = self._theme if self.chance.random() < 0.8 else THEMES[0]
        getattr(self, self.chance.choice(names))()

    def purge(self, seconds: float | None = None, *, slow: bool = False, early: bool = False) -> Asked:
        """Run it; `early` as if a month had passed."""
        until = self.timeline.now + timedelta(days=31 * early)
        event = {"time": timestamps.millis(until), "force": True} if early else {}
        return self.invoke(
            "purge",
            lambda _, context: _or_error(purge.handler, event, context),
            seconds=seconds or self.chance.choice((24, 270)),
            until=timestamps.millis(until),
            plans=[SLOW] * slow,
        )

    def purge_early(self) -> None:
        self.purge(early=True)

    def fall_behind(self) -> None:
        """Have more to purge, or to delete in the background, than a run has time for."""
        if settings.work_queue() and not self.interrupting:
            self.pass_time(31 * 86_400)
            self.purge(20, slow=True)

    def work(self) -> None:
        """Have a worker take one of the tasks; one is lost, comes twice or fails and comes again."""
        if not self.queue.bodies:
            return
        body = self.queue.bodies[self.chance.randrange(len(self.queue.bodies))]
        if self.healthy or self.chance.random() < 0.8:
            self.queue.bodies.remove(body)
        if not self.healthy and self.chance.random() < 0.1:
            return
        event = {"Records": [{"body": body}]}
        asked = self.invoke("work", lambda _, context: _or_error(work.handler, event, context), seconds=50)
        if not isinstance(asked.answer, dict):
            self.queue.bodies.append(body)

    def publish(self) -> None:
        """Have the stream bring what changed since."""
        records = filtered(self.journal.stream[self.told :])
        self.told = len(self.journal.stream)
        faults = self.chance.choices(FAULTS_OF_THE_BUS, k=0 if self.healthy else 6)
        self.faults.made.update(f"event bus: {each}" for each in faults if each)
        self.bus.faults = iter(faults)
        while records:
            some = self.chance.randint(1, len(records))
            given_up = deliver(
                publish_deletions.handler,
                records[:some],
                context=lambda: self.context(60),
            )
            assert given_up == []
            del records[:some]

    def hold(self) -> None:
        """Place a hold, or release one."""
        if self.holds and self.chance.random() < 0.4:
            self.release(self.chance.choice(self.holds).id)
            return
        some = self._some_ids("inbound_message", 2)
        covered = self.chance.choice(
            (
                Covered(account_id=ACCOUNT),
                Covered(account_id=ACCOUNT, endpoint_id=INBOUND),
                Covered(account_id=ACCOUNT, endpoint_id="la_1"),
                Covered(account_id=ACCOUNT, messages=tuple(some)),
                Covered(sub_key=SUB_KEY),
                Covered(sub_key=SUB_KEY, channel="ch1"),
            )
        )

        def place(_: Asked, context: Any) -> Any:
            deadline = Deadline(context.get_remaining_time_in_millis)
            try:
                return holding.place(store(), covered, reason="r", by="b", deadline=deadline)
            except ExpungeError as error:
                return error

        made = self.invoke("hold", place)
        if isinstance(made.answer, holding.Hold):
            self.holds.append(Placed(covered, made.answer.id, made.ended))

    def release(self, hold_id: str) -> None:
        for hold in self.holds:
            if hold.id == hold_id and hold.released is None:
                hold.released = len(self.journal.changes)

        def release(_: Asked, context: Any) -> Any:
            deadline = Deadline(context.get_remaining_time_in_millis)
            return _or_error(lambda: holding.release(store(), hold_id, by="b", deadline=deadline))

        self.invoke("release", release)

    def pass_time(self, seconds: float | None = None) -> None:
        day = 86_400
        if self.interrupting:
            self.timeline.advance(self.chance.choice((1, 3)))
            return
        self.timeline.advance(10)
        self.faults.land(all_of_them=True)
        self.timeline.advance(
            seconds or self.chance.choice((1, 1, 1, 5, 20, 60, 60, 400, 3700, 10 * day, 31 * day))
        )

    def restart(self) -> None:
        forget()


def _or_error(call: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except ExpungeError as error:
        return error
