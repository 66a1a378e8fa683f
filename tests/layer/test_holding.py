"""Placing and releasing holds: what is stored and told, and from when on a hold is in force."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions import holding
from expunge.deletions.covered import Covered
from expunge.deletions.holding import Hold
from expunge.errors import HoldReleased, NoSuchHold, NotHoldable
from tests.world import World, message_id

NEVER = Deadline.never()
NOW = datetime(2026, 5, 1, tzinfo=UTC)
PLACED, IN_FORCE = "2026-05-01T00:00:00.000Z", "2026-05-01T00:01:00.000Z"
ACCOUNT = Covered(account_id="acc_1")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The last of these is the present."""
    times = [NOW]
    monkeypatch.setattr(timestamps, "now", lambda: times[-1])
    return times


def place(world: World, covered: Covered = ACCOUNT, **how: Any) -> Hold:
    return holding.place(
        world.store, covered, **{"reason": "case 12", "by": "legal", "deadline": NEVER, **how}
    )


def listed(world: World, **how: Any) -> list[Hold]:
    return list(holding.listed(world.store, NEVER, **how))


def test_a_hold_is_told_and_listed_as_it_was_placed_and_is_in_force_a_minute_later(world: World) -> None:
    covered = Covered(account_id="acc_1", endpoint_id="la_1", messages=(message_id(1), message_id(2)))

    hold = place(world, covered)

    assert re.fullmatch(rf"hold_{int(NOW.timestamp() * 1000):012x}[0-9a-f]{{12}}", hold.id)
    assert hold.told() == {
        "id": hold.id,
        "in_force_from": IN_FORCE,
        "account_id": "acc_1",
        "endpoint_id": "la_1",
        "messages": [message_id(1), message_id(2)],
        "reason": "case 12",
        "by": "legal",
        "placed_at": PLACED,
    }
    assert listed(world) == [hold]


@pytest.mark.parametrize(
    ("seconds", "in_force"), [(10, IN_FORCE), (10.001, "2026-05-01T00:01:10.001Z")], ids=str
)
def test_a_store_that_takes_its_time_puts_off_when_a_hold_is_in_force(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    clock: list[datetime],
    seconds: float,
    in_force: str,
) -> None:
    write: Any = world.store.client.transact_write_items

    def slow(**arguments: Any) -> Any:
        clock.append(NOW + timedelta(seconds=seconds))
        return write(**arguments)

    monkeypatch.setattr(world.store.client, "transact_write_items", slow)

    hold = place(world)

    assert (hold.placed_at, hold.in_force_from) == (PLACED, in_force)
    assert listed(world) == [hold]


def test_holds_are_listed_in_the_order_in_which_they_were_placed(world: World, clock: list[datetime]) -> None:
    ids = []
    for seconds in range(5):
        clock.append(NOW + timedelta(seconds=seconds))
        ids.append(place(world).id)

    assert [hold.id for hold in listed(world)] == ids


def test_the_same_hold_again_is_the_first_one_and_another_one_is_refused(
    world: World, clock: list[datetime]
) -> None:
    first = place(world, hold_id="mine")
    clock.append(NOW + timedelta(hours=1))

    assert place(world, hold_id="mine") == first
    for other in ({"reason": "case 13"}, {"by": "ops"}, {"covered": Covered(account_id="acc_2")}):
        with pytest.raises(NotHoldable, match="there is another hold with the id 'mine'"):
            place(world, hold_id="mine", **other)
    assert listed(world) == [first]


def test_a_hold_that_is_released_is_told_so_and_cannot_be_placed_or_released_again(
    world: World, clock: list[datetime]
) -> None:
    place(world, hold_id="mine")
    clock.append(NOW + timedelta(seconds=5))

    released = holding.release(world.store, "mine", by="ops", deadline=NEVER)

    assert (
        released.told() | {"released_at": "2026-05-01T00:00:05.000Z", "released_by": "ops"} == released.told()
    )
    assert (listed(world), listed(world, released=True)) == ([], [released])
    clock.append(NOW + timedelta(seconds=9))
    sentence = "the hold mine was released already, at 2026-05-01T00:00:05.000Z by ops"
    with pytest.raises(HoldReleased, match=sentence):
        place(world, hold_id="mine")
    with pytest.raises(HoldReleased, match=sentence):
        holding.release(world.store, "mine", by="ops", deadline=NEVER)


@pytest.mark.parametrize("hold_id", ["another", "", "x" * 257, "é", "a b"])
def test_a_hold_that_is_not_there_cannot_be_released(world: World, hold_id: str) -> None:
    with pytest.raises(NoSuchHold, match=re.escape(f"there is no hold with the id {hold_id!r}")):
        holding.release(world.store, hold_id, by="ops", deadline=NEVER)


def test_a_reason_and_a_name_are_texts_of_up_to_a_thousand_characters(world: World) -> None:
    assert place(world, reason="r" * 1000, by="b" * 1000).reason == "r" * 1000
    for what in ("reason", "by"):
        for text in ("", " ", "x" * 1001):
            with pytest.raises(NotHoldable, match=f"{what} must be text of 1 to 1000 characters"):
                place(world, ACCOUNT, **{what: text})
