"""What a run of the purge tells: how much it did, and how late it is."""

from datetime import datetime, timedelta

import pytest

from expunge import timestamps
from expunge.errors import PurgeFailed
from expunge.table.store import store
from tests.functions.bin import NOW, Logged, deleted, purge, refuse, scheduled
from tests.world import LINKED, RunningOut, World


def test_metrics_tell_what_was_done_and_how_late(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    monkeypatch.setattr(timestamps, "now", lambda: NOW)
    world.message(1, **deleted(NOW - timedelta(seconds=90.5)))
    world.message(2, **deleted(NOW - timedelta(seconds=10)))
    purge()

    counts, paused, age = [line for line in logged() if line.get("family") == "purge"]
    [directive] = counts["_aws"]["CloudWatchMetrics"]
    names = [metric["Name"] for metric in directive["Metrics"]]
    assert {name: counts[name] for name in names} == {
        "Purged": [2],
        "DatedAnew": [0],
        "Resumed": [0],
        "Remaining": [0],
        "Held": [0],
        "ContentLeft": [0],
    }
    assert paused["PausedFor"] == [0]
    assert age["OldestDueAge"] == [90.5]
    [directive] = age["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [{"Name": "OldestDueAge", "Unit": "Seconds"}]


@pytest.mark.usefixtures("world")
def test_where_nothing_is_due_the_oldest_is_of_no_age(logged: Logged) -> None:
    purge()

    assert ages(logged) == [0]


def ages(logged: Logged) -> list[float]:
    return [age for line in logged() for age in line.get("OldestDueAge", ())]


@pytest.mark.parametrize("due", [NOW - timedelta(minutes=10), NOW - timedelta(hours=2)])
def test_an_event_that_comes_late_does_not_make_the_oldest_younger(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged, due: datetime
) -> None:
    monkeypatch.setattr(timestamps, "now", lambda: NOW)
    world.message(1, **deleted(due))

    purged = purge(scheduled(NOW - timedelta(hours=1)))["purged"]

    assert purged == (1 if due < NOW - timedelta(hours=1) else 0)
    assert ages(logged) == [(NOW - due).total_seconds()]


def test_what_a_forced_run_removes_before_its_time_is_not_late(world: World, logged: Logged) -> None:
    world.message(1, **deleted(timestamps.now() + timedelta(days=1)))

    assert purge({"time": "2999-01-01T00:00:00Z", "force": True})["purged"] == 1
    assert ages(logged) == [0]


def test_when_nothing_can_be_read_the_oldest_is_as_late_as_it_may_be(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    """That is, since a run has seen that nothing is due, whatever has become due after that."""
    monkeypatch.setattr(timestamps, "now", lambda: NOW)
    purge()
    world.message(1, **deleted(NOW + timedelta(minutes=1)))
    monkeypatch.setattr(store().client, "query", refuse("ThrottlingException"))
    monkeypatch.setattr(timestamps, "now", lambda: NOW + timedelta(hours=3))

    result = purge(scheduled(NOW + timedelta(hours=3)), RunningOut(seconds=1))

    assert result == {"purged": 0, "resumed": 0, "remaining": True}
    assert ages(logged) == [0, 3 * 60 * 60]


def test_a_run_that_did_not_get_to_the_end_leaves_the_next_one_to_know_how_late_the_oldest_may_be(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    monkeypatch.setattr(timestamps, "now", lambda: NOW)
    world.message(1, **deleted(NOW - timedelta(hours=1)))
    monkeypatch.setattr(store().client, "transact_write_items", refuse("AccessDeniedException"))
    with pytest.raises(PurgeFailed):
        purge()
    monkeypatch.setattr(store().client, "query", refuse("AccessDeniedException"))
    with pytest.raises(PurgeFailed):
        purge()

    assert ages(logged) == [3600, 3600]


def test_no_log_line_says_what_is_in_a_message(world: World, logged: Logged) -> None:
    world.linked_message(**deleted())
    purge()

    lines = str(logged())
    assert "Purged" in lines
    assert "see you at eight" not in lines
    assert LINKED not in lines
