"""What is held is not purged, whoever it belongs to; once it is released, it is due as before."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delete_channel_history import handler as delete_history
from delete_inbound_messages import handler as delete_all
from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions import holding, parking
from expunge.deletions.covered import Covered
from expunge.deletions.restore import Restorer
from expunge.errors import PurgeFailed, Unavailable
from expunge.history import records, restoring
from expunge.table import keys
from expunge.table.store import store
from get_deletion import handler as get_deletion
from purge import handler
from restore_deletion import handler as restore
from tests.clock import Clock
from tests.world import ACCOUNT, INBOUND, LINKED, OUTBOUND, PULL, SUB_KEY, World, call, message_id

DUE = {
    "deleted_at": "2025-05-01T00:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2025-05-31T00:00:00.000Z",
}
OTHER = INBOUND[:-1] + "d"
NEVER = Deadline.never()

Logged = Callable[[], list[dict[str, Any]]]


def purge(clock: Clock, **event: Any) -> dict[str, Any]:
    return handler(event, clock.invocation(270))


def hold(world: World, **covered: Any) -> str:
    hold = holding.place(world.store, Covered(**covered), reason="case 12", by="legal", deadline=NEVER)
    return hold.id


def release(world: World, hold_id: str) -> None:
    holding.release(world.store, hold_id, by="legal", deadline=NEVER)


def waiting(world: World) -> set[str]:
    """Partition keys of the messages that are set aside."""
    return {item["pk"] for item in world.items() if item.get("state_pk", "").startswith("HELD#")}


def left(world: World) -> set[str]:
    """Partition keys of the messages that are not purged."""
    return {item["pk"] for item in world.items() if "purged_at" not in item}


def one_of_each(world: World) -> dict[str, str]:
    """A message of each family that is due, by its partition key."""
    world.message(1, **DUE)
    world.event(2, **DUE)
    world.outbound_message(3, **DUE)
    world.linked_message(**DUE)
    world.channel_messages("a#b", 10, **DUE)
    return {
        "inbound": keys.message("INBOUND", ACCOUNT, message_id(1)),
        "pull": keys.pull_event(ACCOUNT, PULL, message_id(2)),
        "outbound": keys.message("OUTBOUND", ACCOUNT, message_id(3)),
        "linked": keys.linked_message(ACCOUNT, LINKED),
        "channel": keys.channel_message(SUB_KEY, "a#b", "0000000000000000010"),
    }


@pytest.mark.parametrize(
    ("covered", "kept"),
    [
        ({"account_id": ACCOUNT}, ("inbound", "pull", "outbound", "linked")),
        ({"account_id": "acc_2"}, ()),
        ({"account_id": ACCOUNT, "endpoint_id": INBOUND}, ("inbound",)),
        ({"account_id": ACCOUNT, "endpoint_id": PULL}, ("pull",)),
        ({"account_id": ACCOUNT, "endpoint_id": OUTBOUND}, ("outbound",)),
        ({"account_id": ACCOUNT, "endpoint_id": "la_1"}, ("linked",)),
        ({"account_id": ACCOUNT, "endpoint_id": OTHER}, ()),
        ({"account_id": ACCOUNT, "messages": (message_id(2), LINKED)}, ("pull", "linked")),
        ({"account_id": ACCOUNT, "endpoint_id": PULL, "messages": (message_id(2),)}, ("pull",)),
        ({"account_id": ACCOUNT, "endpoint_id": INBOUND, "messages": (message_id(1),)}, ("inbound",)),
        ({"account_id": ACCOUNT, "endpoint_id": OTHER, "messages": (message_id(1), message_id(2))}, ()),
        ({"sub_key": SUB_KEY}, ("channel",)),
        ({"sub_key": SUB_KEY, "channel": "a#b"}, ("channel",)),
        ({"sub_key": SUB_KEY, "channel": "a"}, ()),
        ({"sub_key": SUB_KEY, "messages": ("a#b:10",)}, ("channel",)),
        ({"sub_key": SUB_KEY, "messages": ("a#b:1", "a:10")}, ()),
        ({"sub_key": ACCOUNT}, ()),
    ],
)
def test_what_a_hold_covers_stays_and_nothing_else_does(
    world: World, clock: Clock, covered: dict[str, Any], kept: Sequence[str]
) -> None:
    pks = one_of_each(world)
    hold(world, **covered)

    result = purge(clock)

    held = {"held": len(kept)} if kept else {}
    assert result == {"purged": 5 - len(kept), "resumed": 0, "remaining": False, **held}
    assert left(world) == {pks[family] for family in kept}


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


def test_held_messages_are_counted_but_are_not_late(world: World, clock: Clock, logged: Logged) -> None:
    world.message(1, **DUE)
    hold(world, account_id=ACCOUNT)

    purge(clock)
    purge(clock)

    lines = [line for line in logged() if line.get("family") == "purge"]
    assert [line["Held"] for line in lines if "Held" in line] == [[1], [1]]
    assert [line["OldestDueAge"] for line in lines if "OldestDueAge" in line] == [[0], [0]]


def test_many_held_messages_are_read_once_and_not_with_every_run(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parking, "_FEW", 2)
    for number in range(5):
        world.message(number, **DUE)
    hold_id = hold(world, account_id=ACCOUNT)
    purge(clock)
    assert purge(clock)["held"] == 5
    read: list[int] = []
    query = store().client.query

    def counted(**arguments: Any) -> Any:
        reply = query(**arguments)
        if "IndexName" in arguments:
            read.append(len(reply["Items"]))
        return reply

    monkeypatch.setattr(store().client, "query", counted)
    clock.run(300)
    assert purge(clock) == {"purged": 0, "resumed": 0, "remaining": False, "held": 5}
    assert sum(read) == 0

    clock.run(86_400)
    world.store.client.delete_item(
        TableName=world.store.table,
        Key={"pk": {"S": keys.message("INBOUND", ACCOUNT, message_id(0))}, "sk": {"S": keys.MESSAGE}},
    )
    assert purge(clock)["held"] == 4

    release(world, hold_id)
    assert purge(clock)["purged"] == 4


def test_where_nothing_was_ever_held_a_run_asks_once(
    world: World, clock: Clock, operations: list[str]
) -> None:
    purge(clock)
    without = operations.count("Query")
    operations.clear()
    hold(world, account_id=ACCOUNT)
    operations.clear()
    purge(clock)

    assert operations.count("Query") == without


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
    for number in range(40):
        world.message(number, **DUE)
    hold_id = hold(world, account_id=ACCOUNT)
    assert purge(clock)["held"] == 40
    query = store().client.query

    def slow(**arguments: Any) -> Any:
        if arguments["ExpressionAttributeValues"][":pk"]["S"] in keys.parked_shards():
            clock.run(10)
        return query(**arguments)

    monkeypatch.setattr(store().client, "query", slow)
    world.message(40, **DUE | {"account_id": "acc_2"})
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


@pytest.mark.usefixtures("slowly")
def test_what_is_still_held_and_not_all_looked_at_does_not_remain(world: World, clock: Clock) -> None:
    for number in range(40):
        world.message(number, **DUE)
    hold(world, account_id=ACCOUNT)
    handler({}, clock.invocation(270))
    clock.run(86_400)

    assert handler({}, clock.invocation(120)) == {"purged": 0, "resumed": 0, "remaining": False, "held": 40}


def test_a_hold_that_is_placed_during_a_run_is_in_force_half_a_minute_later(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1, **DUE)
    write = store().client.transact_write_items

    def throttled(**_: Any) -> Any:
        monkeypatch.setattr(store().client, "transact_write_items", write)
        hold(world, account_id=ACCOUNT)
        clock.run(30)
        response: Any = {
            "Error": {"Code": "ThrottlingException"},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }
        raise ClientError(response, "TransactWriteItems")

    monkeypatch.setattr(store().client, "transact_write_items", throttled)
    monkeypatch.setattr("time.sleep", lambda _: None)

    assert purge(clock) == {"purged": 0, "resumed": 0, "remaining": False, "held": 1}
    assert len(left(world)) == 1


def test_the_clock_decides_and_not_the_time_of_the_run(world: World, clock: Clock) -> None:
    world.message(1, **DUE)
    hold(world, account_id=ACCOUNT)

    assert purge(clock, time="2999-01-01T00:00:00Z", force=True)["purged"] == 0
    assert purge(clock, time="2025-06-01T00:00:00Z")["purged"] == 0
    assert len(left(world)) == 1


def test_nothing_is_removed_while_the_holds_cannot_be_read(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise Unavailable("AccessDeniedException")

    world.message(1, **DUE)
    monkeypatch.setattr("expunge.deletions.holds.Holds.read", fail)

    with pytest.raises(PurgeFailed):
        purge(clock)
    assert len(left(world)) == 1


def test_held_messages_that_are_set_aside_can_be_looked_up_and_restored(world: World, clock: Clock) -> None:
    world.api_key()
    world.message(1)
    request_id = call(delete_all).headers["x-request-id"]
    hold(world, account_id=ACCOUNT)
    later = timestamps.millis(clock.began + timedelta(days=31))
    assert purge(clock, time=later, force=True)["held"] == 1
    assert len(waiting(world)) == 1

    path = {"request_id": request_id}
    assert call(get_deletion, path=path).data["deleted"] == 1
    assert call(restore, path=path).data["restored"] == 1

    assert world.live() == {message_id(1)}
    assert waiting(world) == set()
    assert purge(clock, time=later, force=True) == {"purged": 0, "resumed": 0, "remaining": False}


def test_held_channel_history_that_is_set_aside_is_counted_and_restored(world: World, clock: Clock) -> None:
    world.keyset()
    world.channel_messages("ch", 1, 2)
    path = {"sub_key": SUB_KEY, "channels": "ch"}
    request_id = call(delete_history, path=path).headers["x-request-id"]
    clock.run(61)
    hold(world, sub_key=SUB_KEY, channel="ch")
    later = timestamps.millis(clock.began + timedelta(days=31))
    assert purge(clock, time=later, force=True)["held"] == 2
    assert len(waiting(world)) == 2
    record = records.find(world.store, SUB_KEY, request_id, NEVER)
    assert record is not None
    assert record.deletion is not None

    assert restoring.count_deleted(world.store, SUB_KEY, record.deletion, 30, NEVER) == 2
    restorer = Restorer("req_2", "operator", later)
    steps = restoring.restore_all(world.store, SUB_KEY, record.deletion, restorer, 30, NEVER)
    assert sum(steps) == 2
    assert len(world.live()) == 2


@pytest.mark.parametrize("holds", [0, 3])
def test_a_run_with_nothing_to_do_makes_these_calls_however_many_holds_there_are(
    world: World, clock: Clock, calls: list[tuple[str, Any]], holds: int
) -> None:
    """Read of an index, half a unit each; read as they are now, one; written, one."""
    for number in range(holds):
        hold(world, account_id=f"acc_{number}")
    calls.clear()
    purge(clock)

    made = Counter(f"{operation} {arguments.get('IndexName', '')}".strip() for operation, arguments in calls)
    assert made == {
        f"Query {keys.BY_STATE}": keys.BIN_SHARDS + keys.SWEEP_SHARDS,
        "Query": 1,
        "BatchGetItem": 1,
        "UpdateItem": 4,
    }
