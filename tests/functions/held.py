"""Holds that are placed and released, and what a run of the purge leaves because of them."""

from typing import Any

from expunge.deadline import Deadline
from expunge.deletions import holding
from expunge.deletions.covered import Covered
from purge import handler
from tests.clock import Clock
from tests.world import INBOUND, World

DUE = {
    "deleted_at": "2025-05-01T00:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2025-05-31T00:00:00.000Z",
}
OTHER = INBOUND[:-1] + "d"
NEVER = Deadline.never()


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
