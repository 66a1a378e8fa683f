"""What is released is due as before: it is purged, or goes back to the bin."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from expunge import timestamps
from expunge.deletions import parking
from expunge.table import keys
from expunge.table.store import store
from purge import handler
from tests.clock import Clock
from tests.functions.held import DUE, hold, left, purge, release, waiting
from tests.world import ACCOUNT, INBOUND, World, message_id

Logged = Callable[[], list[dict[str, Any]]]


@pytest.mark.parametrize(
    "covered", [{"account_id": ACCOUNT}, {"account_id": ACCOUNT, "endpoint_id": INBOUND}]
)
def test_what_is_released_is_purged_by_the_next_run(
    world: World, clock: Clock, covered: dict[str, Any]
) -> None:
    world.message(1, **DUE)
    first, second = (hold(world, **covered) for _ in range(2))
    for hold_id in (first, second):
        assert purge(clock) == {"purged": 0, "resumed": 0, "remaining": False, "held": 1}
        release(world, hold_id)

    assert purge(clock) == {"purged": 1, "resumed": 0, "remaining": False}
    assert left(world) == set()
    assert purge(clock) == {"purged": 0, "resumed": 0, "remaining": False}


def test_what_is_released_before_it_is_due_by_the_time_of_the_run_goes_back_to_the_bin(
    world: World, clock: Clock
) -> None:
    world.message(1, **DUE)
    world.linked_message(**DUE | {"purge_at": "2025-05-31T00:00:00.001Z"})
    hold_id = hold(world, account_id=ACCOUNT)
    purge(clock)
    release(world, hold_id)

    assert purge(clock, time="2025-05-30T00:00:00Z")["purged"] == 0

    assert waiting(world) == set()
    assert len(world.deleted()) == 2
    assert purge(clock)["purged"] == 2


def test_what_is_released_but_must_stay_longer_by_the_retention_in_force_is_dated_anew(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted = timestamps.millis(clock.began - timedelta(days=10))
    due = timestamps.millis(clock.began - timedelta(days=1))
    world.message(1, **DUE | {"deleted_at": deleted, "purge_at": due})
    monkeypatch.setenv("RETENTION_DAYS", "9")
    hold_id = hold(world, account_id=ACCOUNT)
    assert purge(clock)["held"] == 1
    release(world, hold_id)
    monkeypatch.undo()

    assert purge(clock)["purged"] == 0

    [item] = world.items()
    assert item["purge_at"] == timestamps.millis(clock.began + timedelta(days=20))
    assert world.deleted() == {message_id(1)}


def test_what_a_run_set_aside_just_after_the_release_comes_back(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run that had read the holds before the release goes on by them for a while."""
    monkeypatch.setattr(parking, "_FEW", 0)
    world.message(1, **DUE)
    world.message(2, **DUE)
    first = hold(world, account_id=ACCOUNT)
    purge(clock)
    release(world, first)
    assert purge(clock)["purged"] == 2

    world.message(3, **DUE)
    pk = keys.message("INBOUND", ACCOUNT, message_id(3))
    world.store.client.update_item(
        TableName=world.store.table,
        UpdateExpression="SET state_pk = :aside",
        Key={"pk": {"S": pk}, "sk": {"S": keys.MESSAGE}},
        ExpressionAttributeValues={":aside": {"S": keys.parked(keys.bin_shard(pk))}},
    )
    clock.run(90)
    assert purge(clock)["purged"] == 1


def test_a_release_counts_from_the_next_run_on_whatever_clock_it_was_made_by(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parking, "_FEW", 0)
    world.message(1, **DUE)
    hold_id = hold(world, account_id=ACCOUNT)
    for _ in range(2):
        purge(clock)
    clock.run(300)
    clock.run(-600)
    release(world, hold_id)
    clock.run(600)

    assert purge(clock)["purged"] == 1


def test_however_many_are_held_what_is_due_goes_and_what_is_released_as_well_in_the_end(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here those that wait for the end of a hold take longer to be looked through than a run has time."""
    monkeypatch.setattr(parking, "_FEW", 0)
    for number in range(16):
        world.message(number, **DUE)
    hold_id = hold(world, account_id=ACCOUNT)
    assert purge(clock)["held"] == 16
    query = store().client.query

    def slow(**arguments: Any) -> Any:
        if arguments["ExpressionAttributeValues"][":pk"]["S"] in keys.parked_shards():
            clock.run(10)
        return query(**arguments)

    monkeypatch.setattr(store().client, "query", slow)
    world.message(16, **DUE | {"account_id": "acc_2"})
    assert handler({}, clock.invocation(120))["purged"] == 1

    release(world, hold_id)
    runs = 0
    while waiting(world):
        handler({}, clock.invocation(120))
        runs += 1
    assert runs > 1
    assert world.items() == []


@pytest.fixture
def slowly(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at those that wait takes 160 seconds, and they are not so few that each run looks."""
    monkeypatch.setattr(parking, "_FEW", 0)
    query = store().client.query

    def slow(**arguments: Any) -> Any:
        if arguments["ExpressionAttributeValues"][":pk"]["S"] in keys.parked_shards():
            clock.run(10)
        return query(**arguments)

    monkeypatch.setattr(store().client, "query", slow)


@pytest.mark.usefixtures("slowly")
def test_a_run_that_could_not_look_at_all_that_is_released_says_that_some_remain(
    world: World, clock: Clock, logged: Logged
) -> None:
    for number in range(40):
        world.message(number, **DUE)
    hold_id = hold(world, account_id=ACCOUNT)
    purge(clock)
    release(world, hold_id)

    reply = handler({}, clock.invocation(120))

    assert waiting(world)
    assert reply["remaining"] is True
    lines = [line for line in logged() if line.get("family") == "purge"]
    assert [line["OldestDueAge"] for line in lines if "OldestDueAge" in line][1:] != [[0]]


@pytest.mark.usefixtures("slowly")
def test_the_time_that_what_is_due_leaves_goes_to_what_is_released(world: World, clock: Clock) -> None:
    for number in range(40):
        world.message(number, **DUE)
    hold_id = hold(world, account_id=ACCOUNT)
    handler({}, clock.invocation(270))
    release(world, hold_id)

    assert handler({}, clock.invocation(270)) == {"purged": 40, "resumed": 0, "remaining": False}
    assert world.items() == []


@pytest.fixture
def read(slowly: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Partition keys of the messages that wait, each time that one is read."""
    del slowly
    found: list[str] = []
    query = store().client.query

    def counted(**arguments: Any) -> Any:
        reply = query(**arguments)
        if arguments["ExpressionAttributeValues"][":pk"]["S"] in keys.parked_shards():
            found.extend(item["pk"]["S"] for item in reply["Items"])
        return reply

    monkeypatch.setattr(store().client, "query", counted)
    return found


def test_what_is_held_is_looked_through_once_a_day_though_no_run_has_time_for_all(
    world: World, clock: Clock, read: list[str]
) -> None:
    for number in range(40):
        world.message(number, **DUE)
    hold(world, account_id=ACCOUNT)
    purge(clock)
    read.clear()
    clock.run(86_400)

    reads: list[int] = []
    for _ in range(8):
        assert handler({}, clock.invocation(120))["held"] == 40
        reads.append(len(read) - sum(reads))

    assert set(read) == waiting(world)
    # What a run has read of a page and had no time for, the next one reads again.
    assert len(read) < 2 * 40
    assert reads[0] < 40
    assert reads[-3:] == [0, 0, 0]


def test_a_release_does_not_have_what_is_still_held_read_for_ever(
    world: World, clock: Clock, read: list[str]
) -> None:
    for number in range(40):
        world.message(number, **DUE)
    world.message(40, **DUE | {"account_id": "acc_2"})
    hold(world, account_id=ACCOUNT)
    other = hold(world, account_id="acc_2")
    purge(clock)
    release(world, other)

    for _ in range(12):
        clock.run(300)
        handler({}, clock.invocation(120))
    assert len(left(world)) == len(waiting(world)) == 40
    read.clear()
    handler({}, clock.invocation(120))
    assert read == []


@pytest.mark.usefixtures("slowly")
def test_what_is_still_held_and_not_all_looked_at_does_not_remain(world: World, clock: Clock) -> None:
    for number in range(40):
        world.message(number, **DUE)
    hold(world, account_id=ACCOUNT)
    handler({}, clock.invocation(270))
    clock.run(86_400)

    assert handler({}, clock.invocation(120)) == {"purged": 0, "resumed": 0, "remaining": False, "held": 40}


@pytest.mark.usefixtures("slowly")
def test_what_is_set_aside_in_the_middle_of_a_look_is_counted_once(world: World, clock: Clock) -> None:
    for number in range(40):
        world.message(number, **DUE)
    world.message(40, **DUE | {"account_id": "acc_2"})
    hold(world, account_id=ACCOUNT)
    other = hold(world, account_id="acc_2")
    handler({}, clock.invocation(270))
    release(world, other)
    for number in range(41, 81):
        world.message(number, **DUE)

    for _ in range(2):
        assert handler({}, clock.invocation(230))["held"] == len(waiting(world)) == 80


@pytest.mark.usefixtures("slowly")
def test_what_several_runs_look_through_and_set_aside_meanwhile_is_counted_once(
    world: World, clock: Clock
) -> None:
    for number in range(40):
        world.message(number, **DUE)
    hold(world, account_id=ACCOUNT)
    handler({}, clock.invocation(270))
    clock.run(86_400)
    for number in range(40, 60):
        world.message(number, **DUE)

    for _ in range(6):
        assert handler({}, clock.invocation(120))["held"] == len(waiting(world)) == 60
