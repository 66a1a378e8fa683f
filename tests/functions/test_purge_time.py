"""What a run of the purge takes for the present, and which times it refuses."""

from datetime import timedelta
from typing import Any

import pytest

from expunge import timestamps
from expunge.errors import InvalidRequest
from purge import handler
from tests.functions.bin import NOW, Logged, both, deleted, early, left, purge, scheduled
from tests.world import Context, World


def test_without_an_event_now_is_the_present(world: World) -> None:
    present = timestamps.now()
    world.message(1, **deleted(present))
    world.message(2, **deleted(present + timedelta(hours=1)))

    assert purge({})["purged"] == 1
    assert left(world) == both(2)


@pytest.mark.parametrize(
    "time", ["2025-06-01T12:00:00Z", "2025-06-01T14:00:00+02:00", "2025-06-01t12:00:00.000999z"]
)
def test_the_time_of_the_event_is_now_however_it_is_written(world: World, time: str) -> None:
    world.message(1, **deleted())
    world.message(2, **deleted(NOW + timedelta(milliseconds=1)))

    assert purge({"time": time})["purged"] == 1
    assert left(world) == both(2)


NO_OBJECT = "The event must be a JSON object"
NO_TIME = "time must be an RFC 3339 time with an offset"
NO_FORCE = "force must be true or false"
AHEAD = 'time is more than 5 minutes ahead of the clock; with "force": true it is taken all the same'


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (None, NO_OBJECT),
        ([], NO_OBJECT),
        ("2025-06-01T12:00:00Z", NO_OBJECT),
        (1, NO_OBJECT),
        ({"time": None}, NO_TIME),
        ({"time": 1748779200}, NO_TIME),
        ({"time": ""}, NO_TIME),
        ({"time": "now"}, NO_TIME),
        ({"time": "2025-06-01"}, NO_TIME),
        ({"time": "2025-06-01T12:00:00"}, NO_TIME),
        ({"time": "2025-06-31T12:00:00Z"}, NO_TIME),
        ({"force": 1}, NO_FORCE),
        ({"force": "true"}, NO_FORCE),
        ({"force": None}, NO_FORCE),
        ({"time": "2025-06-01T12:00:00Z", "force": "false"}, NO_FORCE),
        ({"dry_run": "yes"}, "dry_run must be true or false"),
        ({"time": "2999-06-01T12:00:00Z"}, AHEAD),
        ({"time": "2999-06-01T12:00:00Z", "force": False}, AHEAD),
    ],
    ids=str,
)
def test_a_malformed_event_is_a_failed_invocation_and_removes_nothing(
    world: World, logged: Logged, event: Any, said: str
) -> None:
    world.message(1, **deleted(NOW - timedelta(days=1)))

    with pytest.raises(InvalidRequest) as refused:
        handler(event, Context())
    assert refused.value.message == said
    assert left(world) == both(1)
    assert [line["level"] for line in logged()] == ["ERROR"]


@pytest.mark.parametrize(
    ("ahead", "purged"), [(timedelta(minutes=5), 1), (timedelta(minutes=5, seconds=1), 0)]
)
def test_a_time_is_refused_that_is_more_than_five_minutes_ahead_of_the_clock(
    world: World, monkeypatch: pytest.MonkeyPatch, ahead: timedelta, purged: int
) -> None:
    monkeypatch.setattr(timestamps, "now", lambda: NOW)
    world.message(1, **deleted(NOW + ahead))

    if purged:
        assert purge(scheduled(NOW + ahead))["purged"] == 1
    else:
        with pytest.raises(InvalidRequest, match=r"5 minutes ahead of the clock.*force"):
            purge(scheduled(NOW + ahead))
    assert left(world) == (set() if purged else both(1))


def test_a_time_ahead_of_the_clock_is_taken_if_forced_for_the_retention_as_well(world: World) -> None:
    present = timestamps.now()
    world.message(1, **early(present, present))
    world.message(2, **early(present - timedelta(days=1), present))

    assert purge({"time": timestamps.millis(present + timedelta(days=29)), "force": True})["purged"] == 1
    assert left(world) == both(1)
