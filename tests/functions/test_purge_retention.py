"""The retention in force counts as well as the date on a message, whichever is later."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.purging import remove_due
from expunge.table import keys
from expunge.table.store import store
from tests.functions.bin import (
    NOTHING,
    NOW,
    Logged,
    both,
    deleted,
    early,
    left,
    pk,
    purge,
    scheduled,
    set_fields,
)
from tests.world import ACCOUNT, INBOUND, World


@pytest.mark.parametrize(("days", "purged"), [(29.999, 0), (30, 1), (31, 1)])
def test_a_longer_retention_keeps_what_is_in_the_bin_already(world: World, days: float, purged: int) -> None:
    deleted_at = NOW - timedelta(days=days)
    world.message(1, **early(deleted_at, deleted_at + timedelta(days=7)))

    assert purge() == {"purged": purged, "resumed": 0, "remaining": False}
    assert left(world) == (set() if purged else both(1))


def test_a_shorter_retention_leaves_the_date_in_force_that_is_on_the_message(world: World) -> None:
    world.message(1, **early(NOW - timedelta(days=89), NOW + timedelta(days=1)))
    world.message(2, **early(NOW - timedelta(days=90), NOW))

    assert purge()["purged"] == 1
    assert left(world) == both(1)
    assert world.items()[0]["purge_at"] == timestamps.millis(NOW + timedelta(days=1))


def test_what_stays_longer_is_dated_anew_and_goes_then(world: World, logged: Logged) -> None:
    deleted_at = NOW - timedelta(days=10, milliseconds=1)
    for number in range(3):
        world.message(number, **early(deleted_at, deleted_at + timedelta(days=7 + number)))
    world.message(3, **deleted())

    assert purge() == {"purged": 1, "resumed": 0, "remaining": False}
    # One deletion, one date: they are restorable until the same time.
    due = deleted_at + timedelta(days=30)
    assert {item["purge_at"] for item in world.items()} == {timestamps.millis(due)}
    assert len(world.deleted()) == 3
    [counts] = [line for line in logged() if "DatedAnew" in line]
    assert (counts["Purged"], counts["DatedAnew"], counts["Remaining"]) == ([1], [3], [0])

    assert purge(scheduled(NOW + timedelta(days=1))) == NOTHING
    assert [line["DatedAnew"] for line in logged() if "DatedAnew" in line] == [[0]]
    assert purge({"time": timestamps.millis(due - timedelta(milliseconds=1))}) == NOTHING
    assert purge({"time": timestamps.millis(due)})["purged"] == 3
    assert left(world) == set()


def test_what_was_dated_anew_keeps_that_date_when_the_retention_is_lowered_again(world: World) -> None:
    world.message(1, **deleted())
    assert remove_due(store(), NOW, 60, Deadline.never()).dated_anew == 1

    later = NOW + timedelta(days=30)
    assert purge(scheduled(later - timedelta(seconds=1))) == NOTHING
    assert purge(scheduled(later))["purged"] == 1


def test_no_retention_keeps_what_was_erased(world: World) -> None:
    world.linked_message(**early(NOW - timedelta(seconds=1), NOW))

    assert purge()["purged"] == 1
    assert left(world) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"state_pk": keys.live("INBOUND", ACCOUNT, INBOUND, "succeeded")},
        {"state_pk": "HELD"},
        {"state_sk": keys.bin_order(timestamps.millis(NOW + timedelta(days=99)), pk(1))},
        {"deleted_at": timestamps.millis(NOW)},
    ],
    ids=["restored", "held", "moved", "deleted again"],
)
def test_what_changes_before_it_is_dated_anew_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, change: dict[str, str]
) -> None:
    purge_at = timestamps.millis(NOW - timedelta(days=1))
    for number in range(2):
        world.message(number, **early(NOW - timedelta(days=8), NOW - timedelta(days=1)))
    write = store().client.transact_write_items

    def change_before_update(**arguments: Any) -> Any:
        if "new_order" in str(arguments):
            monkeypatch.undo()
            set_fields(world, 1, **change)
        return write(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", change_before_update)

    assert purge() == NOTHING
    items = {item["pk"]: item for item in world.items()}
    assert items[pk(0)]["purge_at"] == timestamps.millis(NOW + timedelta(days=22))
    assert items[pk(1)].items() >= (change | {"purge_at": purge_at}).items()


def test_a_message_that_lies_before_its_date_is_put_where_it_belongs(world: World) -> None:
    world.message(1, **deleted())
    purge_at = timestamps.millis(NOW + timedelta(days=9))
    set_fields(world, 1, purge_at=purge_at)

    assert purge() == NOTHING
    assert len(world.deleted()) == 1
    assert world.items()[0]["purge_at"] == purge_at


def test_no_time_is_too_early_or_too_late_for_the_retention(world: World) -> None:
    world.message(1, **deleted())
    world.message(2, **early(datetime(9999, 12, 31, tzinfo=UTC), NOW))

    assert purge({"time": "0001-01-01T00:00:00Z"}) == NOTHING
    assert purge({"time": "9999-12-31T23:59:59Z", "force": True})["purged"] == 1
    assert left(world) == both(2)
    assert world.items()[0]["purge_at"] == "9999-12-31T23:59:59.999Z"
