"""What is left of a purged message: enough that nothing brings it back, and nothing else."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from delete_inbound_message import handler as delete_inbound
from delete_inbound_messages import handler as delete_all
from expunge import timestamps
from expunge.settings import settings as environment
from expunge.table import keys
from expunge.table.store import store
from tests.clock import Clock
from tests.deletions import look, restored, states, stop_before
from tests.failing import LOST
from tests.functions.purged import DELETION, purge_all, purged_of_all_families
from tests.world import ACCOUNT, LINKED, PULL, SUB_KEY, World, call, message_id


def test_all_that_is_left_is_the_deletion_and_the_time_and_it_goes_by_itself(
    world: World, clock: Clock
) -> None:
    purged_of_all_families(world)

    assert set(world.tombstones()) == {
        keys.message("INBOUND", ACCOUNT, message_id(1)),
        keys.message("OUTBOUND", ACCOUNT, message_id(1)),
        keys.pull_event(ACCOUNT, PULL, message_id(1)),
        keys.linked_message(ACCOUNT, LINKED),
        keys.channel_message(SUB_KEY, "ch#1", "0017000000000000000"),
    }
    for tombstone in world.tombstones().values():
        assert tombstone.pop("purge_mark")
        assert tombstone == {
            "sk": keys.MESSAGE,
            "delete_request_id": "req_1",
            # By the clock, whatever the time of the run.
            "purged_at": timestamps.millis(clock.began),
            "keep_until": str(int((clock.began + timedelta(days=35)).timestamp())),
        }
    items = world.store.client.scan(TableName="expunge")["Items"]
    assert keys.CONTENT not in {item["sk"]["S"] for item in items}
    assert "do not keep this" not in str(items)


def test_how_long_is_a_setting(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOMBSTONE_DAYS", "7")
    environment.cache_clear()
    try:
        world.message(1, **DELETION)
        purge_all(world)
    finally:
        environment.cache_clear()

    [tombstone] = world.tombstones().values()
    assert int(tombstone["keep_until"]) == int((clock.began + timedelta(days=7)).timestamp())


def test_nothing_remains_of_a_message_that_was_restored_and_claimed_and_deleted_again(world: World) -> None:
    world.api_key()
    world.message(1)
    first = call(delete_all)
    assert restored(first).data["restored"] == 1
    again = call(delete_all)
    world.store.client.update_item(
        TableName="expunge",
        Key={"pk": {"S": keys.message("INBOUND", ACCOUNT, message_id(1))}, "sk": {"S": keys.MESSAGE}},
        UpdateExpression=(
            "SET claim_id = :x, claim_until = :x, version = :one, stored_at = :x, erased_at = :x"
        ),
        ExpressionAttributeValues={":x": {"S": "x"}, ":one": {"N": "1"}},
    )

    assert purge_all(world) == 1
    [tombstone] = world.tombstones().values()
    assert set(tombstone) == {"sk", "purged_at", "purge_mark", "keep_until", "delete_request_id"}
    assert tombstone["delete_request_id"] == again.headers["x-request-id"]


def test_a_restore_leaves_it_and_says_so(world: World) -> None:
    world.api_key()
    world.message(1)
    world.message(2, **DELETION)
    done = call(delete_all)
    purge_all(world)
    before = world.tombstones()

    assert restored(done).error[:2] == (409, "NOT_RESTORABLE")
    assert world.tombstones() == before
    assert len(before) == 2
    assert look(done).data["purged"] == 1


def test_what_a_function_flagged_that_died_counts_as_purged(world: World, clock: Clock) -> None:
    world.api_key()
    world.message(1)
    world.message(2)
    write = store().client.transact_write_items

    def flag_then_die(**arguments: Any) -> Any:
        write(**arguments)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as dying:
        dying.setattr(store().client, "transact_write_items", flag_then_die)
        stop_before(dying, "update_item", KeyboardInterrupt())
        stop_before(dying, "batch_get_item", KeyboardInterrupt())
        with suppress(KeyboardInterrupt):
            call(delete_all, query={"limit": "1"}, request_id="died")
    clock.run(300)
    purge_all(world)

    told = look("req_died").data
    assert (told["purged"], told["state"]) == (1, "done")


def test_a_deletion_by_id_that_comes_again_when_its_message_is_purged_knows_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's answer to the first got lost, and the purge was quicker than the repetition."""
    world.api_key()
    world.message(1)
    write = store().client.transact_write_items
    sent: list[Any] = []

    def lost_once(**arguments: Any) -> Any:
        sent.append(arguments)
        write(**arguments)
        if len(sent) == 1:
            monkeypatch.undo()
            purge_all(world)
            raise LOST

    monkeypatch.setattr(store().client, "transact_write_items", lost_once)
    reply = call(delete_inbound, path={"message_id": message_id(1)})

    assert (reply.status, reply.data["already_deleted"]) == (200, False)
    assert states(reply) == [{"id": message_id(1), "state": "purged", "deleted_at": reply.data["deleted_at"]}]
