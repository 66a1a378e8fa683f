"""A message of a linked account, and the call that deletes it."""

from collections.abc import Mapping

from delete_message import handler
from tests.world import KEY, LINKED, Context, Reply, World, call

OTHER = LINKED[:-1] + "0"
PROVIDER_KEY = "provider-key"
GOOD = {"x-api-key": KEY}
ALIAS = "DELETE /api/v1/messages/{message_id}"
GONE = {"type": "errors/resource_not_found"}


def delete(
    message_id: str = LINKED, *, headers: Mapping[str, str] = GOOD, context: Context | None = None
) -> Reply:
    return call(handler, path={"message_id": message_id}, headers=headers, context=context)


def is_live(world: World) -> bool:
    """Whether the message is as it was loaded: unflagged, unclaimed, with its content."""
    [item] = world.items()
    stored = world.store.client.scan(TableName="expunge", FilterExpression="attribute_exists(payload)")
    unflagged = not {"deleted_at", "erased_at", "state_pk", "claim_id", "claim_until"} & set(item)
    return unflagged and stored["Count"] == 1
