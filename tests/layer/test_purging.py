"""What one of several workers removes."""

from datetime import UTC, datetime, timedelta

from expunge.deadline import Deadline
from expunge.deletions.brakes import Brakes
from expunge.deletions.due import Rule
from expunge.deletions.purging import oldest_due, remove_due_in
from expunge.table import keys
from tests.world import ACCOUNT, World, message_id

NOW = datetime(2026, 5, 1, tzinfo=UTC)
NEVER = Deadline.never()


def due(world: World, number: int, purge_at: str = "2026-04-30T00:00:00.000Z") -> str:
    """Load a message that is due, and give its shard of the bin."""
    world.message(
        number,
        deleted_at="2026-03-01T00:00:00.000Z",
        deleted_by="key_1",
        delete_request_id="req_1",
        purge_at=purge_at,
    )
    return keys.bin_shard(keys.message("INBOUND", ACCOUNT, message_id(number)))


def test_a_worker_removes_what_is_in_its_shards_and_nothing_else(world: World) -> None:
    shards = {number: due(world, number) for number in range(8)}
    mine = sorted(set(shards.values()))[:2]
    rule = Rule(NOW, timedelta(days=30))

    purged = remove_due_in(mine, world.store, rule, NEVER, Brakes(world.store, 0, NEVER))

    gone = {message_id(number) for number, shard in shards.items() if shard in mine}
    assert 0 < len(gone) < 8
    assert (purged.removed, purged.stopped) == (len(gone), None)
    left = {item["id"] for item in world.items() if "purged_at" not in item}
    assert left == {message_id(number) for number in shards} - gone


def test_the_oldest_that_is_due_is_the_oldest_of_all_shards(world: World) -> None:
    assert oldest_due(world.store, NOW, NEVER) is None
    for number in range(8):
        due(world, number, f"2026-04-{20 + number}T00:00:00.000Z")
    due(world, 9, "2026-05-01T00:00:00.001Z")

    assert oldest_due(world.store, NOW, NEVER) == "2026-04-20T00:00:00.000Z"
    assert oldest_due(world.store, datetime(2026, 4, 20, tzinfo=UTC), NEVER) == "2026-04-20T00:00:00.000Z"
    assert oldest_due(world.store, datetime(2026, 4, 19, tzinfo=UTC), NEVER) is None
