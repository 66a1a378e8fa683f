"""What is held is not purged, whoever it belongs to."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delete_channel_history import handler as delete_history
from delete_inbound_messages import handler as delete_all
from expunge import timestamps
from expunge.deletions import parking
from expunge.deletions.restore import Restorer
from expunge.errors import PurgeFailed, Throttled, Unavailable
from expunge.history import records, restoring
from expunge.table import keys
from expunge.table.store import store
from get_deletion import handler as get_deletion
from restore_deletion import handler as restore
from tests.clock import Clock
from tests.failing import raising
from tests.functions.held import DUE, NEVER, OTHER, hold, left, purge, release, waiting
from tests.world import ACCOUNT, INBOUND, LINKED, OUTBOUND, PULL, SUB_KEY, World, call, message_id


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


def test_held_messages_are_counted_but_are_not_late(
    world: World, clock: Clock, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    world.message(1, **DUE)
    hold(world, account_id=ACCOUNT)

    purge(clock)
    purge(clock)

    lines = [line for line in logged() if line.get("family") == "purge"]
    assert [line["Held"] for line in lines if "Held" in line] == [[1], [1]]
    assert [line["OldestDueAge"] for line in lines if "OldestDueAge" in line] == [[0], [0]]


def test_where_it_cannot_be_noted_how_many_wait_the_run_ends_all_the_same(
    world: World,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    world.message(1, **DUE)
    hold(world, account_id=ACCOUNT)
    monkeypatch.setattr(parking, "note", raising(Throttled()))

    assert purge(clock) == {"purged": 0, "resumed": 0, "remaining": False, "held": 1}
    [line] = [line for line in logged() if line.get("level") == "WARNING"]
    assert (line["message"], line["reason"]) == ("What waits was not noted", "store throttled")


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
    world.message(1, **DUE)
    monkeypatch.setattr("expunge.deletions.holds.Holds.read", raising(Unavailable("AccessDeniedException")))

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


def test_what_is_no_message_but_lies_in_the_bin_keeps_nothing_else_there(world: World, clock: Clock) -> None:
    """As where a platform's own writer makes up keys, or copies an item under another one."""
    for number in range(3):
        world.message(number, **DUE)
    hold(world, account_id=ACCOUNT, endpoint_id=OTHER)
    stray = {
        "pk": "elsewhere",
        "sk": keys.MESSAGE,
        "state_pk": keys.bin_shards()[0],
        "state_sk": "20#elsewhere",
    }
    item: Any = {name: {"S": value} for name, value in stray.items()}
    world.store.client.put_item(TableName=world.store.table, Item=item)

    assert purge(clock, dry_run=True)["due"] == 3
    assert purge(clock)["purged"] == 3
    assert left(world) == {"elsewhere"}
