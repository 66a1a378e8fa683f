"""Background deletions, as the scheduled function carries them out: in turns, to their end or set aside."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delete_channel_history import handler as delete_history
from expunge.history import passes
from expunge.table import keys
from expunge.table.store import store
from purge import handler as purge
from tests.clock import Clock, SlowStore
from tests.world import SUB_KEY, World, call

TEN_MINUTES = 600.0

Logged = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def slices_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "SLICE", 2)


def failing(code: str = "Refused", status: int = 400) -> Callable[..., Any]:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}

    def fail(**_: Any) -> Any:
        raise ClientError(response, "")

    return fail


def leave(world: World, sub_key: str, messages: int, channel: str = "ch1") -> None:
    """Have a keyset ask for the deletion of so many messages, all of which are left to the background."""
    world.keyset(sub_key=sub_key)
    world.channel_messages(channel, *range(messages), sub_key=sub_key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store().client, "transact_write_items", failing())
        assert call(delete_history, path={"sub_key": sub_key, "channels": channel}).status == 200


class Finishes:
    """When the last message of each keyset was flagged, in seconds of the clock."""

    def __init__(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at: dict[str, float] = {}
        write = store().client.transact_write_items

        def noted(**arguments: Any) -> Any:
            reply = write(**arguments)
            flags = [entry["Update"] for entry in arguments["TransactItems"] if "Update" in entry]
            for each in flags:
                self.at[each["Key"]["pk"]["S"].split("#")[1]] = clock.seconds
            return reply

        monkeypatch.setattr(store().client, "transact_write_items", noted)


def run(clock: Clock, seconds: float = TEN_MINUTES) -> dict[str, Any]:
    return purge({}, clock.invocation(seconds))


def metric(logged: Logged, name: str) -> list[float]:
    """What the runs published, one after the other."""
    return [line[name][0] for line in logged() if name in line]


@pytest.mark.slow
def test_large_deletions_do_not_hold_up_a_small_one_by_more_than_a_minute(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        leave(world, f"sub-c-large-{number}", 46)
    leave(world, "sub-c-small", 3)
    SlowStore(clock, 1.0, monkeypatch, ["transact_write_items"])
    finishes = Finishes(clock, monkeypatch)

    result = run(clock)

    assert result == {"purged": 0, "resumed": 5, "remaining": False}
    assert world.live() == set()
    assert finishes.at.pop("sub-c-small") < 60 < min(finishes.at.values())


def test_a_small_deletion_that_is_asked_for_meanwhile_has_its_turn(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(world, "sub-c-large", 120)
    SlowStore(clock, 1.0, monkeypatch)
    finishes = Finishes(clock, monkeypatch)
    write = store().client.transact_write_items
    asked_at: list[float] = []

    def meanwhile(**arguments: Any) -> Any:
        if clock.seconds > 40 and not asked_at:
            asked_at.append(clock.seconds)
            leave(world, "sub-c-small", 3)
        return write(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", meanwhile)
    result = run(clock)

    assert result == {"purged": 0, "resumed": 2, "remaining": False}
    assert finishes.at["sub-c-small"] - asked_at[0] < 60 < finishes.at["sub-c-large"] - asked_at[0]


def test_a_long_pass_goes_on_where_it_stopped_when_its_turn_comes_again(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for sub_key in ("sub-c-1", "sub-c-2"):
        world.keyset(sub_key=sub_key)
        channels = ",".join(f"ch{number}" for number in range(5))
        assert call(delete_history, path={"sub_key": sub_key, "channels": channels}).status == 200
    clock.run(61)
    slow = SlowStore(clock, 1.0, monkeypatch)

    # Each looks 80 times, which takes several turns.
    assert run(clock) == {"purged": 0, "resumed": 0, "remaining": False}
    assert world.sweeps() == 0
    assert slow.calls < 2 * 80 + 100


def test_messages_that_are_deleted_together_are_in_many_partitions_of_the_index(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "SLICE", 48)
    leave(world, SUB_KEY, 96)
    write = store().client.transact_write_items
    places: list[Counter[str]] = []

    def noted(**arguments: Any) -> Any:
        updates = [entry["Update"]["ExpressionAttributeValues"] for entry in arguments["TransactItems"]]
        places.append(Counter(each[":place0"]["S"] for each in updates))
        return write(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", noted)
    run(clock)

    assert len(places) == 2
    assert len(places[0]) == keys.CHANNEL_SHARDS
    assert max(places[0].values()) <= 5


def test_a_note_that_cannot_be_read_is_set_aside_and_seen_and_holds_up_nobody(
    world: World, clock: Clock, logged: Logged
) -> None:
    bad = {
        "pk": keys.sweeps("sub-c-bad"),
        "sk": "0",
        "state_pk": keys.sweep_shard("sub-c-bad"),
        "state_sk": "0",
    }
    world.store.client.put_item(
        TableName=world.store.table, Item={name: {"S": value} for name, value in bad.items()}
    )
    leave(world, SUB_KEY, 3)

    assert run(clock) == {"purged": 0, "resumed": 1, "remaining": True}
    assert world.live() == set()
    for _ in range(4):
        assert run(clock)["remaining"] is True
    assert run(clock) == {"purged": 0, "resumed": 0, "remaining": False}

    assert metric(logged, "SweepsSetAside") == [0, 0, 0, 0, 0, 1]


def test_a_deletion_that_fails_again_and_again_is_set_aside_until_it_works_again(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    leave(world, "sub-c-bad", 3)
    write = store().client.transact_write_items

    def refuse_one_keyset(**arguments: Any) -> Any:
        return (failing() if "sub-c-bad" in str(arguments) else write)(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", refuse_one_keyset)
    for _ in range(5):
        assert run(clock)["remaining"] is True
    leave(world, SUB_KEY, 3)

    assert run(clock) == {"purged": 0, "resumed": 1, "remaining": False}
    assert len(world.live()) == 3
    monkeypatch.setattr(store().client, "transact_write_items", write)
    assert run(clock) == {"purged": 0, "resumed": 1, "remaining": False}
    assert world.live() == set()
    clock.run(61)
    assert run(clock) == {"purged": 0, "resumed": 0, "remaining": False}
    assert world.sweeps() == 0

    assert metric(logged, "SweepsSetAside") == [0, 0, 0, 0, 0, 1, 0, 0]


def test_a_store_that_throttles_sets_nothing_aside(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(world, SUB_KEY, 3)
    throttle = failing("ThrottlingException")

    def throttled(**arguments: Any) -> Any:
        clock.run(10)
        return throttle(**arguments)

    with monkeypatch.context() as patch:
        patch.setattr(store().client, "transact_write_items", throttled)
        for _ in range(6):
            assert run(clock, 60) == {"purged": 0, "resumed": 0, "remaining": True}

    assert run(clock) == {"purged": 0, "resumed": 1, "remaining": False}


def test_many_old_notes_do_not_keep_a_later_one_from_its_turn(world: World, clock: Clock) -> None:
    world.keyset()
    for _ in range(60):
        assert (
            call(delete_history, path={"sub_key": SUB_KEY, "channels": "ch1"}, query="start=2&end=1").status
            == 200
        )
    leave(world, "sub-c-2", 3)

    assert run(clock) == {"purged": 0, "resumed": 1, "remaining": False}
    assert world.live() == set()
    clock.run(61)
    assert run(clock) == {"purged": 0, "resumed": 0, "remaining": False}
    assert world.sweeps() == 0


def test_how_long_the_oldest_deletion_takes_is_published(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    run(clock)
    leave(world, SUB_KEY, 3)
    clock.run(50)
    leave(world, "sub-c-2", 3)
    clock.run(20)
    with monkeypatch.context() as patch:
        patch.setattr(store().client, "transact_write_items", failing())
        run(clock)
    run(clock)
    clock.run(61)
    run(clock)

    # The one of the second keyset is too young to be complete in the run before the last.
    assert [round(age) for age in metric(logged, "OldestSweepAge")] == [0, 70, 20, 0]
    lines = [line for line in logged() if "OldestSweepAge" in line]
    assert {line["family"] for line in lines} <= {"channel"}
