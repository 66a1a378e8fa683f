"""Messages whose content is in S3, and a run of the purge over them."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import EndpointConnectionError

from purge import handler as purge
from tests.world import ACCOUNT, INBOUND, Context, World, at, message_id

Logged = Callable[[], list[dict[str, Any]]]

DELETION = {
    "deleted_at": "2025-05-02T12:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2025-06-01T12:00:00.000Z",
}

UNANSWERED = EndpointConnectionError(endpoint_url="https://s3.example")


def named(world: World, number: int, url: str, **fields: str) -> None:
    """A message whose content is there; deleted and due long since, unless its fields say otherwise."""
    record = {"kind": "inbound_message", "account_id": ACCOUNT, "id": message_id(number), "content_url": url}
    where = {"inbound_endpoint_id": INBOUND, "status": "succeeded", "received_at": at(number)}
    world.load(record | where | (fields or DELETION))


def run(context: Context | None = None) -> dict[str, Any]:
    return purge({"time": "2999-01-01T00:00:00Z", "force": True}, context or Context())


def purged(number: int) -> dict[str, Any]:
    return {"purged": number, "resumed": 0, "remaining": False}


def rows(world: World) -> dict[str, dict[str, str]]:
    return {item["id"]: item for item in world.items()}


def failing(operation: str, error: Exception) -> Callable[[str, Callable[[], Any]], Any]:
    def fail(name: str, make: Callable[[], Any]) -> Any:
        if name == operation:
            raise error
        return make()

    return fail


CALLS = [
    "TransactWriteItems",  # refused: it has content in S3
    "TransactWriteItems",  # that it is being erased
    "ListObjectVersions",
    "DeleteObjects",
    "TransactWriteItems",  # the tombstone
]
"""Those of a purge that remove something."""
