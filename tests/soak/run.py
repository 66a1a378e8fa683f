"""One run: a world, a handful of actions among faults, then rest; afterwards everything must be right."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import get_deletion
from expunge.deadline import Deadline
from expunge.deletions import holding
from tests.soak import answers, checks, rest
from tests.soak.actions import Actions
from tests.soak.service import Asked

# Runs of the purge: the first may find a lost round of tasks, a lease that nobody gave back, a lagging index.
_SCHEDULED = 4
_RETENTION = 31 * 86_400


@dataclass
class Told:
    """What a run did, for the report."""

    asked: dict[str, int]
    faults: dict[str, int]
    changes: int
    lag: float
    skewed: bool
    died: int


def run(seed: int) -> Told:
    """Play the run of a seed. Raises AssertionError if an invariant is broken."""
    with ExitStack() as stack:
        service = Actions(seed, stack)
        service.first()
        for _ in range(service.chance.randint(4, 12)):
            service.act()
        died = sum(each.answer is None for each in service.asked)
        _rest(service)
        checks.journal(service)
        answers.answers(service)
        answers.keys_are_used_once(service)
        checks.events(service)
        return Told(
            checks.by_kind(service.asked),
            dict(service.faults.made),
            len(service.journal.changes),
            service.memory.lag,
            service.skewed,
            died,
        )


def _rest(service: Actions) -> None:
    """Nothing fails any more: requests are repeated, what waits is done, and deletions are looked up."""
    service.healthy = True
    service.restart()
    service.pass_time(400)
    for first in [each for each in service.asked if each.about.get("key") and not each.about["of"]]:
        service.again(first)
    for _ in range(3):
        service.take_in()
    assert service.inbox == []
    for _ in range(_SCHEDULED):
        service.purge(270)
        while service.queue.bodies:
            service.work()
        service.pass_time(400)
    rest.all_stored(service)
    rest.history_is_gone(service)
    rest.nothing_is_left_that_matches(service)
    rest.settled(service, partial(_look, service))
    if service.chance.random() < 0.4:
        _purge_all(service)
        rest.settled(service, partial(_look, service))
    service.publish()


def _purge_all(service: Actions) -> None:
    # A hold whose placing failed may be in force all the same.
    for hold in list(holding.listed(service.world.store, Deadline.never())):
        service.release(hold.id)
    for _ in range(2):
        service.pass_time(_RETENTION)
        service.purge(270)
        while service.queue.bodies:
            service.work()
    rest.nothing_deleted_is_left(service)


def _look(service: Actions, deletion: str) -> Asked:
    return service.request("look", get_deletion.handler, path={"request_id": deletion})
