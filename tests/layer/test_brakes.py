"""How often a run of the purge looks whether it is paused, and how large its transactions are until then."""

from datetime import UTC, datetime, timedelta

import pytest

from expunge.deadline import Deadline
from expunge.deletions.brakes import Brakes, Pause
from expunge.errors import EnoughPurged
from tests.world import World

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SINCE = "2026-04-30T23:59:00.000Z"


def brakes(world: World, most: int = 0, workers: int = 1) -> Brakes:
    return Brakes(world.store, most, Deadline.never(), workers)


@pytest.mark.parametrize(
    ("workers", "under_way", "looks_every", "rows"),
    [(1, 8, 8, 62), (2, 5, 5, 50), (3, 4, 2, 55), (4, 4, 1, 50), (10, 4, 1, 20), (16, 4, 1, 12)],
)
def test_after_a_pause_all_workers_together_remove_a_thousand_at_most(
    world: World, workers: int, under_way: int, looks_every: int, rows: int
) -> None:
    made = brakes(world, workers=workers)

    assert (made.under_way, made.looks_every, made.rows) == (under_way, looks_every, rows)
    assert workers * (under_way + looks_every) * rows <= 1000


def test_a_run_looks_before_the_first_and_then_before_every_eighth_transaction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = brakes(world)
    looked: list[bool] = []

    def look(*_: object) -> Pause:
        looked[-1] = True
        return Pause()

    monkeypatch.setattr("expunge.deletions.brakes.read", look)
    for _ in range(17):
        looked.append(False)
        made.check()

    assert [number for number, yes in enumerate(looked) if yes] == [0, 8, 16]


def test_there_is_room_for_what_may_still_be_removed(world: World) -> None:
    assert brakes(world).room(10**6) is None
    assert brakes(world, most=10).room(0) == 10
    assert brakes(world, most=10).room(9) == 1
    for removed in (10, 11):
        with pytest.raises(EnoughPurged):
            brakes(world, most=10).room(removed)


@pytest.mark.parametrize(
    ("pause", "seconds", "told"),
    [
        (Pause(), 0, {"paused": False}),
        (Pause(paused=True, since=SINCE, by="ops"), 60, {"paused": True, "since": SINCE, "by": "ops"}),
        (Pause(paused=False, since=SINCE, by="ops"), 0, {"paused": False, "since": SINCE, "by": "ops"}),
    ],
)
def test_a_pause_lasts_from_when_it_began_while_it_does(
    pause: Pause, seconds: float, told: dict[str, object]
) -> None:
    assert pause.lasts(NOW) == seconds
    assert pause.lasts(NOW - timedelta(minutes=2)) == 0
    assert pause.told() == told
