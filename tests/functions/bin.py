"""Messages in the bin, and a run of the purge over them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from expunge import timestamps
from expunge.table import keys
from purge import handler
from tests.failing import raising, refusal
from tests.world import ACCOUNT, Context, World, message_id

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
    return raising(refusal(code, **fields))


def early(deleted_at: datetime, purge_at: datetime) -> dict[str, str]:
    """What a message has in addition that was deleted when the retention was another one."""
    times = {"deleted_at": timestamps.millis(deleted_at), "purge_at": timestamps.millis(purge_at)}
    return deleted() | times
