"""What is due is removed, record and content, and nothing else is."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from delete_channel_history import handler as delete_history
from delete_inbound_messages import handler as delete_all
from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions import purging
from expunge.deletions.purging import remove_due
from expunge.errors import PurgeFailed
from expunge.history import sweeps
from expunge.table import keys
from expunge.table.store import store
from tests.world import ACCOUNT, INBOUND, SUB_KEY, World, call

if TYPE_CHECKING:
    from expunge.deletions.purged import Purged
from tests.functions.bin import (
    NOTHING,
    NOW,
    Logged,
    both,
    deleted,
    left,
    pk,
    purge,
    refuse,
    scheduled,
    set_fields,
)


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


@pytest.mark.parametrize("broken", ["REMOVE purge_at", "SET deleted_at = :text", "SET purge_at = :text"])
def test_flags_that_cannot_be_read_keep_their_own_message_and_no_other(
    world: World, logged: Logged, broken: str
) -> None:
    for number in range(3):
        world.message(number, **deleted())
    values: Any = {"ExpressionAttributeValues": {":text": {"S": "yesterday"}}} if ":text" in broken else {}
    key = {"pk": {"S": pk(1)}, "sk": {"S": keys.MESSAGE}}
    world.store.client.update_item(TableName=world.store.table, Key=key, UpdateExpression=broken, **values)

    assert purge(scheduled() | {"dry_run": True})["due"] == 2
    assert purge()["purged"] == 2
    assert left(world) == both(1)
    assert [line["message"] for line in logged() if line.get("level") == "ERROR"] == [
        "A message has flags that cannot be read: `expunge check` says which one"
    ]
