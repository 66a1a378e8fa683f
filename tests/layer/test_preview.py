"""Counting what a run of the purge would remove."""

from datetime import UTC, datetime, timedelta
from itertools import chain, repeat

from expunge.deadline import Deadline
from expunge.deletions.due import Rule
from expunge.deletions.preview import preview
from expunge.table import keys
from tests.world import ACCOUNT, World, message_id

NOW = datetime(2026, 5, 1, tzinfo=UTC)
RULE = Rule(NOW, timedelta(days=30))
NONE = {"due": 0, "held": 0, "by_family": {}, "by_account": {}}
DUE = {
    "deleted_at": "2026-04-01T00:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2026-05-01T00:00:00.000Z",
}
KEPT = DUE | {"deleted_at": "2026-04-01T00:00:00.001Z"}
"""Due by its own date, and kept by the retention in force."""


def erase(world: World, number: int) -> None:
    """Note that its content is being erased."""
    world.store.client.update_item(
        TableName=world.store.table,
        Key={"pk": {"S": keys.message("INBOUND", ACCOUNT, message_id(number))}, "sk": {"S": keys.MESSAGE}},
        UpdateExpression="SET erased_at = :now",
        ExpressionAttributeValues={":now": {"S": "2026-04-30T00:00:00.000Z"}},
    )


def test_what_is_due_is_counted_to_the_millisecond_and_what_was_erased_whatever_the_retention(
    world: World,
) -> None:
    world.message(1, **DUE)
    world.message(2, **DUE | {"purge_at": "2026-05-01T00:00:00.001Z"})
    world.message(3, **KEPT)
    assert preview(world.store, RULE, Deadline.never())["due"] == 1

    erase(world, 3)
    erase(world, 2)

    assert preview(world.store, RULE, Deadline.never()) == NONE | {
        "due": 2,
        "by_family": {"inbound": 2},
        "by_account": {ACCOUNT: 2},
    }


def test_more_is_counted_than_the_store_takes_in_one_read(world: World) -> None:
    for number in range(101):
        world.message(number, **DUE)

    assert preview(world.store, RULE, Deadline.never())["due"] == 101


def test_what_was_restored_is_not_counted_though_the_bin_still_shows_it(world: World) -> None:
    world.message(1, **DUE)
    world.store.client.update_item(
        TableName=world.store.table,
        Key={"pk": {"S": keys.message("INBOUND", ACCOUNT, message_id(1))}, "sk": {"S": keys.MESSAGE}},
        UpdateExpression="REMOVE deleted_at, deleted_by, delete_request_id, purge_at",
    )

    assert preview(world.store, RULE, Deadline.never()) == NONE


def test_a_count_that_runs_out_of_time_says_that_more_remains(world: World) -> None:
    world.message(1, **DUE)
    left = chain([24_000] * 2, repeat(0))  # as the work begins, and as the holds are read

    assert preview(world.store, RULE, Deadline(left.__next__)) == NONE | {"remaining": True}
