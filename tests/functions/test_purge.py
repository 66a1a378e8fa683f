"""What is due is removed, record and content, and nothing else is."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from delete_channel_history import handler as delete_history
from delete_inbound_messages import handler as delete_all
from expunge import timestamps
from expunge.deletions import purging
from expunge.errors import InvalidRequest, PurgeFailed
from expunge.history import sweeps
from expunge.table import keys
from expunge.table.store import store
from purge import handler
from tests.world import ACCOUNT, INBOUND, LINKED, SUB_KEY, Context, RunningOut, World, call, message_id

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
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
    """Keys of all items there are."""
    items = world.store.client.scan(TableName=world.store.table)["Items"]
    return {(item["pk"]["S"], item["sk"]["S"]) for item in items}


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

    def at(moment: datetime) -> dict[str, str]:
        return {"time": timestamps.millis(moment)}

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
    "time", ["2026-06-01T12:00:00Z", "2026-06-01T14:00:00+02:00", "2026-06-01t12:00:00.000999z"]
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
        "2026-06-01T12:00:00Z",
        1,
        {"time": None},
        {"time": 1780315200},
        {"time": ""},
        {"time": "now"},
        {"time": "2026-06-01"},
        {"time": "2026-06-01T12:00:00"},
        {"time": "2026-06-31T12:00:00Z"},
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


def test_a_message_that_lies_in_the_bin_but_is_not_deleted_is_left_alone(world: World) -> None:
    world.message(1)
    order = keys.bin_order(timestamps.millis(NOW), pk(1))
    set_fields(world, 1, state_pk=keys.bin_shard(pk(1)), state_sk=order, purge_at=timestamps.millis(NOW))

    assert purge() == NOTHING
    assert left(world) == both(1)


def test_what_another_run_removed_meanwhile_is_not_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1, **deleted())
    other: list[dict[str, Any]] = []
    world.before_write(monkeypatch, lambda: other.append(purge()))

    assert purge() == NOTHING
    assert other == [{"purged": 1, "resumed": 0, "remaining": False}]
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
    assert purge(scheduled(timestamps.now() + timedelta(days=365))) == {
        "purged": 2,
        "resumed": 1,
        "remaining": False,
    }
    assert world.items() == []
    assert world.sweeps() == 0


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
    answers = [write, refuse("TransactionCanceledException", CancellationReasons=reasons)]

    def conflict_once(**arguments: Any) -> Any:
        return answers.pop()(**arguments)

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
    assert sizes == [14, 6, 2, 4, 8, 4, 4]


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


def test_metrics_tell_what_was_done_and_how_late(world: World, logged: Logged) -> None:
    world.message(1, **deleted(NOW - timedelta(seconds=90.5)))
    world.message(2, **deleted(NOW - timedelta(seconds=10)))
    purge()

    counts, age = [line for line in logged() if line.get("family") == "purge"]
    assert (counts["Purged"], counts["Resumed"], counts["Remaining"]) == ([2], [0], [0])
    assert age["OldestDueAge"] == [90.5]
    [directive] = age["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [{"Name": "OldestDueAge", "Unit": "Seconds"}]


@pytest.mark.usefixtures("world")
def test_where_nothing_is_due_the_oldest_is_of_no_age(logged: Logged) -> None:
    purge()

    assert [line["OldestDueAge"] for line in logged() if "OldestDueAge" in line] == [[0.0]]


def test_no_log_line_says_what_is_in_a_message(world: World, logged: Logged) -> None:
    world.linked_message(**deleted())
    purge()

    lines = str(logged())
    assert "Purged" in lines
    assert "see you at eight" not in lines
    assert LINKED not in lines
