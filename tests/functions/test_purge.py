"""What is due is removed, record and content, and nothing else is."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from delete_channel_history import handler as delete_history
from delete_inbound_messages import handler as delete_all
from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions import lease as leases
from expunge.deletions import purging, runs
from expunge.deletions.purging import remove_due
from expunge.errors import InvalidRequest, PurgeFailed
from expunge.history import sweeps
from expunge.table import keys
from expunge.table.store import key, store
from purge import handler
from tests.world import ACCOUNT, INBOUND, LINKED, SUB_KEY, Context, RunningOut, World, call, message_id

if TYPE_CHECKING:
    from expunge.deletions.purged import Purged

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
NOTHING = {"purged": 0, "resumed": 0, "remaining": False}

Logged = Callable[[], list[dict[str, Any]]]


def scheduled(now: datetime = NOW) -> dict[str, Any]:
    return {"detail-type": "Scheduled Event", "time": f"{now:%Y-%m-%dT%H:%M:%S}Z", "detail": {}}


def purge(event: Any = None, context: Context | None = None) -> dict[str, Any]:
    return handler(scheduled() if event is None else event, context or Context())


def deleted(purge_at: datetime = NOW) -> dict[str, str]:
    """What a message has in addition that is due then."""
    return {
        "deleted_at": timestamps.millis(purge_at - timedelta(days=30)),
        "deleted_by": "key_1",
        "delete_request_id": "req_1",
        "purge_at": timestamps.millis(purge_at),
    }


def pk(number: int) -> str:
    return keys.message("INBOUND", ACCOUNT, message_id(number))


def set_fields(world: World, number: int, **fields: str) -> None:
    """Write to a message as someone would who restores, holds or changes it."""
    world.store.client.update_item(
        TableName=world.store.table,
        Key={"pk": {"S": pk(number)}, "sk": {"S": keys.MESSAGE}},
        UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in fields),
        ExpressionAttributeValues={f":{name}": {"S": value} for name, value in fields.items()},
    )


def left(world: World) -> set[tuple[str, str]]:
    """Keys of all items, except tombstones, deletions' records and what the purge notes for itself."""
    items = world.store.client.scan(
        TableName=world.store.table, FilterExpression="attribute_not_exists(purged_at)"
    )["Items"]
    places = {(item["pk"]["S"], item["sk"]["S"]) for item in items} - {(keys.LEASE, keys.PURGE)}
    return {(pk, sk) for pk, sk in places if sk != keys.DELETION and pk != keys.PURGE_RUN}


def both(*numbers: int) -> set[tuple[str, str]]:
    return {(pk(number), sk) for number in numbers for sk in (keys.MESSAGE, keys.CONTENT)}


def refuse(code: str, **fields: Any) -> Callable[..., Any]:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}, **fields}

    def refuse(**_: Any) -> Any:
        raise ClientError(response, "")

    return refuse


def test_where_nothing_is_due_nothing_is_done(world: World) -> None:
    world.message(1)

    assert purge() == NOTHING
    assert left(world) == both(1)


def test_what_is_due_goes_with_its_content_and_nothing_else_does(world: World) -> None:
    world.message(1)
    world.message(2, **deleted())
    world.message(3, **deleted(NOW - timedelta(days=400)))
    world.message(4, **deleted(NOW + timedelta(days=1)))

    assert purge() == {"purged": 2, "resumed": 0, "remaining": False}
    assert left(world) == both(1, 4)


@pytest.mark.parametrize(("early", "purged"), [(0, 1), (1, 0), (-1, 1)])
def test_due_is_exact_to_the_millisecond(world: World, early: int, purged: int) -> None:
    world.message(1, **deleted(NOW + timedelta(milliseconds=early)))

    assert purge()["purged"] == purged
    assert left(world) == (set() if purged else both(1))


def test_messages_of_every_family_are_purged(world: World) -> None:
    world.message(1, **deleted())
    world.event(1, **deleted())
    world.linked_message(**deleted())
    world.channel_messages("a#b", 1, **deleted())

    assert purge()["purged"] == 4
    assert left(world) == set()


def test_a_message_without_content_is_purged_as_well(world: World) -> None:
    world.message(1, payload=None, **deleted())
    world.store.client.delete_item(
        TableName=world.store.table, Key={"pk": {"S": pk(1)}, "sk": {"S": keys.CONTENT}}
    )

    assert purge()["purged"] == 1
    assert left(world) == set()


def test_a_permanent_deletion_is_purged_at_once(world: World) -> None:
    at_once = timestamps.millis(NOW)
    world.linked_message(**deleted() | {"deleted_at": at_once, "purge_at": at_once})

    assert purge()["purged"] == 1
    assert left(world) == set()


def test_what_the_api_deletes_is_purged_after_the_retention_and_not_before(world: World) -> None:
    world.api_key()
    world.inbound_endpoint()
    world.message(1)
    others = left(world) - both(1)
    call(delete_all)
    deleted_at = timestamps.parse(world.items()[0]["deleted_at"])

    def at(moment: datetime) -> dict[str, Any]:
        return {"time": timestamps.millis(moment), "force": True}

    assert purge(at(deleted_at + timedelta(days=30, milliseconds=-1))) == NOTHING
    assert purge(at(deleted_at + timedelta(days=30)))["purged"] == 1
    assert left(world) == others


def test_the_same_event_again_does_nothing_more(world: World) -> None:
    world.message(1, **deleted())
    world.message(2, **deleted(NOW + timedelta(milliseconds=1)))

    assert purge()["purged"] == 1
    assert purge() == NOTHING
    assert left(world) == both(2)


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


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "2025-06-01T12:00:00Z",
        1,
        {"time": None},
        {"time": 1748779200},
        {"time": ""},
        {"time": "now"},
        {"time": "2025-06-01"},
        {"time": "2025-06-01T12:00:00"},
        {"time": "2025-06-31T12:00:00Z"},
        {"force": 1},
        {"force": "true"},
        {"force": None},
        {"time": "2025-06-01T12:00:00Z", "force": "false"},
        {"time": "2999-06-01T12:00:00Z"},
        {"time": "2999-06-01T12:00:00Z", "force": False},
    ],
    ids=str,
)
def test_a_malformed_event_is_a_failed_invocation_and_removes_nothing(
    world: World, logged: Logged, event: Any
) -> None:
    world.message(1, **deleted(NOW - timedelta(days=1)))

    with pytest.raises(InvalidRequest):
        handler(event, Context())
    assert left(world) == both(1)
    assert [line["level"] for line in logged()] == ["ERROR"]


@pytest.mark.parametrize(
    "change",
    [
        {"state_pk": keys.live("INBOUND", ACCOUNT, INBOUND, "succeeded")},
        {
            "purge_at": timestamps.millis(NOW + timedelta(days=9)),
            "state_sk": keys.bin_order(timestamps.millis(NOW + timedelta(days=9)), pk(1)),
        },
        {"purge_at": timestamps.millis(NOW + timedelta(days=9))},
        {"state_pk": "HELD"},
    ],
    ids=["restored", "dated anew", "dated anew but not moved", "held"],
)
def test_a_message_that_changes_after_it_was_found_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, change: dict[str, str]
) -> None:
    for number in range(3):
        world.message(number, **deleted())
    world.before_write(monkeypatch, lambda: set_fields(world, 1, **change))

    assert purge() == {"purged": 2, "resumed": 0, "remaining": False}
    assert left(world) == both(1)


@pytest.mark.parametrize("fields", [{}, {"erased_at": timestamps.millis(NOW)}], ids=str)
def test_a_message_that_lies_in_the_bin_but_is_not_deleted_is_left_alone(
    world: World, fields: dict[str, str]
) -> None:
    world.message(1)
    order = keys.bin_order(timestamps.millis(NOW), pk(1))
    set_fields(
        world, 1, state_pk=keys.bin_shard(pk(1)), state_sk=order, purge_at=timestamps.millis(NOW), **fields
    )

    assert purge() == NOTHING
    assert left(world) == both(1)


def test_what_another_run_removed_meanwhile_is_not_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1, **deleted())
    other: list[Purged] = []
    world.before_write(
        monkeypatch, lambda: other.append(remove_due(store(), NOW, 30, Deadline(lambda: 29_000)))
    )

    assert purge() == NOTHING
    assert [each.removed for each in other] == [1]
    assert left(world) == set()


def test_what_is_due_first_goes_first_whatever_shard_it_is_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "ROWS", 2)
    monkeypatch.setattr(purging, "_AT_ONCE", 1)
    for number in range(9):
        world.message(number, **deleted(NOW - timedelta(days=number)))
    chunks = [store().client.transact_write_items]

    def one_chunk_only(**arguments: Any) -> Any:
        return (chunks.pop() if chunks else refuse("AccessDeniedException"))(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", one_chunk_only)
    with pytest.raises(PurgeFailed):
        purge()

    assert left(world) == both(*range(7))


def test_background_deletions_are_finished_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.keyset()
    world.channel_messages("ch1", 1, 2)
    write = store().client.transact_write_items
    monkeypatch.setattr(store().client, "transact_write_items", refuse("AccessDeniedException"))
    call(delete_history, path={"sub_key": SUB_KEY, "channels": "ch1"})
    assert world.history("ch1") == [1, 2]
    monkeypatch.setattr(store().client, "transact_write_items", write)

    # Deleted first, they are due in this very run: it is of the year after.
    assert purge({**scheduled(timestamps.now() + timedelta(days=365)), "force": True}) == {
        "purged": 2,
        "resumed": 1,
        "remaining": False,
    }
    assert world.items() == []
    assert world.sweeps() == 1  # until the index is sure to have shown everything


def test_background_deletions_that_are_unfinished_remain(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1, **deleted())
    monkeypatch.setattr(sweeps, "resume", lambda *_: sweeps.Resumed(3, remaining=True))

    assert purge() == {"purged": 1, "resumed": 3, "remaining": True}


def test_background_deletions_take_at_most_half_the_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1, **deleted())
    left: list[float] = []

    def resume(_: Any, deadline: Any) -> sweeps.Resumed:
        left.append(deadline.to_end())
        return sweeps.Resumed(0, remaining=False)

    monkeypatch.setattr(sweeps, "resume", resume)
    purge()

    assert left == [14.5]


def test_when_time_is_up_the_next_run_continues(world: World) -> None:
    world.message(1, **deleted())

    assert purge(context=RunningOut(seconds=0)) == {"purged": 0, "resumed": 0, "remaining": True}
    assert left(world) == both(1)
    assert purge() == {"purged": 1, "resumed": 0, "remaining": False}


def test_a_store_that_throttles_to_the_end_leaves_the_rest_to_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1, **deleted())
    monkeypatch.setattr(store().client, "transact_write_items", refuse("ThrottlingException"))

    assert purge(context=RunningOut(seconds=2)) == {"purged": 0, "resumed": 0, "remaining": True}
    assert left(world) == both(1)


@pytest.mark.parametrize("operation", ["query", "transact_write_items"])
def test_a_store_that_fails_is_a_failed_invocation_that_says_how_far_it_got(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged, operation: str
) -> None:
    world.message(1, **deleted())
    monkeypatch.setattr(store().client, operation, refuse("AccessDeniedException"))

    with pytest.raises(PurgeFailed) as failed:
        purge()

    assert str(failed.value) == (
        "Stopped after 0 messages were purged and 0 background deletions resumed: store unavailable."
        " The next run continues."
    )
    assert left(world) == both(1)
    lines = logged()
    assert [line["message"] for line in lines if line.get("level") == "ERROR"] == ["Purge failed"]
    [counts] = [line for line in lines if "Purged" in line]
    assert (counts["Purged"], counts["Remaining"]) == ([0], [1])


def test_an_unforeseen_failure_loses_no_counts(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    monkeypatch.setattr(purging, "ROWS", 1)
    monkeypatch.setattr(purging, "_AT_ONCE", 1)
    for number in range(2):
        world.message(number, **deleted())
    writes = [store().client.transact_write_items]

    def one_then_a_surprise(**arguments: Any) -> Any:
        if not writes:
            raise RuntimeError("surprise")
        return writes.pop()(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", one_then_a_surprise)
    with pytest.raises(PurgeFailed, match="after 1 messages"):
        purge()

    assert "surprise" in str([line for line in logged() if line.get("level") == "ERROR"])


def test_a_write_whose_answer_was_lost_is_never_counted_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """moto knows no client token, so the repetition finds the message gone: not counted rather than twice."""
    world.message(1, **deleted())
    write = store().client.transact_write_items
    sent: list[dict[str, Any]] = []

    def lost_once(**arguments: Any) -> Any:
        sent.append(arguments)
        reply = write(**arguments)
        if len(sent) == 1:
            raise ReadTimeoutError(endpoint_url="https://dynamodb.example")
        return reply

    monkeypatch.setattr(store().client, "transact_write_items", lost_once)

    assert purge() == NOTHING
    assert left(world) == set()
    # By this, DynamoDB itself knows the repetition, and says yes again.
    assert sent[0] == sent[1]


def test_a_conflict_over_the_content_alone_passes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        world.message(number, **deleted())
    write = store().client.transact_write_items
    reasons = [{"Code": code} for code in ("None", "TransactionConflict", "None", "None")]
    answers = [refuse("TransactionCanceledException", CancellationReasons=reasons)]

    def conflict_once(**arguments: Any) -> Any:
        return (answers.pop() if answers else write)(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", conflict_once)

    assert purge()["purged"] == 2
    assert left(world) == set()


def test_a_transaction_that_is_too_large_is_sent_in_parts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "_AT_ONCE", 1)
    for number in range(7):
        world.message(number, **deleted())
    write = store().client.transact_write_items
    sizes: list[int] = []

    def write_a_few(**arguments: Any) -> Any:
        sizes.append(len(arguments["TransactItems"]))
        return (write if sizes[-1] <= 4 else refuse("ValidationException"))(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", write_a_few)

    assert purge()["purged"] == 7
    assert left(world) == set()
    # Half as many as were refused, then one more after a few that went well.
    assert sizes == [14, 6, 2, 2, 2, 2, 4, 2]


def test_one_transaction_takes_fifty_messages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purging, "_AT_ONCE", 1)
    for number in range(51):
        world.message(number, **deleted())
    write = store().client.transact_write_items
    sizes: list[int] = []

    def count(**arguments: Any) -> Any:
        sizes.append(len(arguments["TransactItems"]))
        return write(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", count)

    assert purge()["purged"] == 51
    assert sizes == [100, 2]


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


def early(deleted_at: datetime, purge_at: datetime) -> dict[str, str]:
    """What a message has in addition that was deleted when the retention was another one."""
    times = {"deleted_at": timestamps.millis(deleted_at), "purge_at": timestamps.millis(purge_at)}
    return deleted() | times


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


def lease(world: World, **fields: str) -> dict[str, str]:
    """Write to the lease, if there are fields to write, and show what it is then."""
    where: Any = {"TableName": world.store.table, "Key": key(keys.LEASE, keys.PURGE)}
    if fields:
        item = where["Key"] | {name: {"S": value} for name, value in fields.items()}
        world.store.client.put_item(TableName=world.store.table, Item=item)
    item = world.store.client.get_item(**where).get("Item", {})
    return {name: value["S"] for name, value in item.items() if name not in where["Key"]}


def test_a_run_leaves_the_work_to_another_that_is_at_work(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    world.message(1, **deleted())
    calls: list[str] = []
    monkeypatch.setattr(sweeps, "resume", lambda *_: calls.append("resume"))
    held = lease(
        world, holder_id="another", leased_until=timestamps.millis(timestamps.now() + timedelta(seconds=9))
    )

    assert purge() == {"purged": 0, "resumed": 0, "remaining": True}
    assert left(world) == both(1)
    assert lease(world) == held
    assert calls == []
    lines = logged()
    assert [line["message"] for line in lines if "level" in line] == ["Another run is at work"]
    assert [line["LeftToAnotherRun"] for line in lines if "family" in line] == [[1]]


def test_a_lease_that_ran_out_keeps_nobody_from_working(world: World) -> None:
    world.message(1, **deleted())
    lease(
        world, holder_id="dead", leased_until=timestamps.millis(timestamps.now() - timedelta(milliseconds=1))
    )

    assert purge()["purged"] == 1
    assert set(lease(world)) == {"clear_until"}


def test_a_run_has_the_lease_while_it_works_and_releases_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1, **deleted())
    others: list[Any] = []
    world.before_write(monkeypatch, lambda: others.append(purge()))

    assert purge() == {"purged": 1, "resumed": 0, "remaining": False}
    assert others == [{"purged": 0, "resumed": 0, "remaining": True}]
    assert set(lease(world)) == {"clear_until"}


def test_a_run_that_fails_releases_the_lease(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store().client, "query", refuse("AccessDeniedException"))
    with pytest.raises(PurgeFailed):
        purge()

    assert set(lease(world)) == {"clear_until"}


def test_the_lease_lasts_a_minute_and_is_renewed_while_the_run_works(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [NOW]
    monkeypatch.setattr(timestamps, "now", lambda: clock[0])
    monkeypatch.setattr(leases, "_RENEWED_AFTER", 0.01)
    seen: list[dict[str, str]] = []

    def resume(*_: Any) -> sweeps.Resumed:
        seen.append(lease(world))
        clock[0] += timedelta(seconds=20)
        looks = (lease(world) for _ in range(2000))
        seen.append(next(now for now in looks if now != seen[0]))
        return sweeps.Resumed(0, remaining=False)

    monkeypatch.setattr(sweeps, "resume", resume)

    assert purge() == NOTHING
    first, then = seen
    assert first["holder_id"] == then["holder_id"]
    assert first["leased_until"] == timestamps.millis(NOW + timedelta(seconds=60))
    assert then["leased_until"] == timestamps.millis(NOW + timedelta(seconds=80))


def test_a_run_whose_lease_was_taken_finishes_and_leaves_it_to_its_new_holder(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_RENEWED_AFTER", 0.01)
    world.message(1, **deleted())
    held = {"holder_id": "another", "leased_until": "2999-01-01T00:00:00.000Z"}
    world.before_write(monkeypatch, lambda: lease(world, **held))

    assert purge()["purged"] == 1
    assert lease(world) == held


def test_a_lease_whose_answer_was_lost_is_the_runs_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.message(1, **deleted())
    update = store().client.update_item
    sent: list[Any] = []

    def lose_each_first_answer(**arguments: Any) -> Any:
        reply = update(**arguments)
        sent.append(arguments)
        if sent.count(arguments) == 1:
            raise ReadTimeoutError(endpoint_url="https://dynamodb.example")
        return reply

    monkeypatch.setattr(store().client, "update_item", lose_each_first_answer)

    assert purge()["purged"] == 1
    assert set(lease(world)) == {"clear_until"}


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_a_run_that_cannot_take_the_lease_works_without_it(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged, code: str
) -> None:
    world.message(1, **deleted())
    monkeypatch.setattr(store().client, "update_item", refuse(code))
    for module in (leases, runs):
        monkeypatch.setattr(module, "_PATIENCE", 0.1)

    assert purge(context=RunningOut())["purged"] == 1
    assert left(world) == set()
    warnings = [line["message"] for line in logged() if line.get("level") == "WARNING"]
    assert warnings == [
        "The lease was not taken; the run goes on without it",
        "The run's record was not written",
        "The run's record was not written",
        "The lease was not released; it runs out by itself",
    ]


def throttle_above(monkeypatch: pytest.MonkeyPatch, items: int) -> list[int]:
    """Have the store throttle larger transactions; returns the sizes that were asked for."""
    write = store().client.transact_write_items
    sizes: list[int] = []

    def write_a_few(**arguments: Any) -> Any:
        sizes.append(len(arguments["TransactItems"]))
        return (write if sizes[-1] <= items else refuse("ThrottlingException"))(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", write_a_few)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return sizes


@pytest.mark.parametrize(
    "most", [pytest.param(1, marks=pytest.mark.slow), 3, pytest.param(20, marks=pytest.mark.slow)]
)
def test_what_is_too_much_at_once_is_purged_within_the_run_in_smaller_transactions(
    world: World, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(purging, "_AT_ONCE", 1)  # moto takes one transaction at a time
    for number in range(60):
        world.message(number, **deleted())
    throttle_above(monkeypatch, 2 * most)

    assert purge() == {"purged": 60, "resumed": 0, "remaining": False}
    assert left(world) == set()


def test_the_size_that_works_is_remembered_and_slowly_raised(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "_AT_ONCE", 1)
    for number in range(20):
        world.message(number, **deleted())
    sizes = throttle_above(monkeypatch, 6)

    assert purge()["purged"] == 20
    # Three attempts at 20 messages, at 10 and at 5; then 2 at a time, after four of these 3.
    assert sizes == [40] * 3 + [20] * 3 + [10] * 3 + [4] * 4 + [6] * 4


def test_a_short_throttling_makes_no_transaction_smaller(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        world.message(number, **deleted())
    write = store().client.transact_write_items
    answers = [write, refuse("ThrottlingException"), refuse("ThrottlingException")]
    sizes: list[int] = []

    def busy_for_a_while(**arguments: Any) -> Any:
        sizes.append(len(arguments["TransactItems"]))
        return answers.pop()(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", busy_for_a_while)

    assert purge()["purged"] == 4
    assert sizes == [8, 8, 8]


def test_a_transaction_whose_answers_are_lost_is_sent_again_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        world.message(number, **deleted())
    write = store().client.transact_write_items
    sent: list[dict[str, Any]] = []

    def lost_thrice(**arguments: Any) -> Any:
        sent.append(arguments)
        if len(sent) <= 3:
            raise ReadTimeoutError(endpoint_url="https://dynamodb.example")
        return write(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", lost_thrice)

    assert purge()["purged"] == 2
    assert sent == [sent[0]] * 4


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Set when a run begins nothing new any more."""
    event = Event()
    shutdown = ThreadPoolExecutor.shutdown

    def end(pool: ThreadPoolExecutor, **how: Any) -> None:
        shutdown(pool, **how)
        event.set()

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", end)
    return event


def test_a_failed_run_does_not_wait_for_what_never_began(
    world: World, monkeypatch: pytest.MonkeyPatch, ended: Event
) -> None:
    monkeypatch.setattr(purging, "ROWS", 1)
    monkeypatch.setattr(purging, "_AT_ONCE", 1)
    for number in range(9):
        world.message(number, **deleted())
    calls: list[Any] = []
    cancelled: list[int] = []

    def fail(**arguments: Any) -> Any:
        calls.append(arguments)
        assert len(calls) == 1 or ended.wait(timeout=10)
        refuse("AccessDeniedException")()

    def counting_wait(futures: Iterable[Future[None]], *how: Any) -> Any:
        cancelled.append(sum(future.cancelled() for future in futures))
        return wait(futures, *how)

    monkeypatch.setattr(store().client, "transact_write_items", fail)
    monkeypatch.setattr(purging, "wait", counting_wait)

    with pytest.raises(PurgeFailed):
        purge()
    assert set(cancelled) == {0}


def test_what_was_under_way_when_another_transaction_failed_is_counted(
    world: World, monkeypatch: pytest.MonkeyPatch, ended: Event
) -> None:
    monkeypatch.setattr(purging, "ROWS", 1)
    for number in range(2):
        world.message(number, **deleted())
    write = store().client.transact_write_items
    written = Event()
    turns = iter(["late", "failing"])

    def fail_or_be_late(**arguments: Any) -> Any:
        if next(turns) == "failing":
            assert written.wait(timeout=10)
            refuse("AccessDeniedException")()
        reply = write(**arguments)
        written.set()
        assert ended.wait(timeout=10)
        return reply

    monkeypatch.setattr(store().client, "transact_write_items", fail_or_be_late)

    with pytest.raises(PurgeFailed, match="after 1 messages"):
        purge()
    assert len(world.items()) == 1
