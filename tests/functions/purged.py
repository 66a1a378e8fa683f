"""Messages that were deleted and are purged."""

from typing import Any

from purge import handler as purge
from tests.world import ACCOUNT, LINKED, PULL, SUB_KEY, Context, World, message_id

DELETION = {
    "deleted_at": "2025-05-02T12:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2025-06-01T12:00:00.000Z",
}


def purge_all(world: World) -> int:
    """Remove all that is deleted, whenever it is due."""
    del world
    result = purge({"time": "2999-01-01T00:00:00Z", "force": True}, Context())
    return int(result["purged"])


def purged_of_all_families(world: World) -> list[dict[str, Any]]:
    """Messages of every family that were deleted and are purged; their records, living."""
    records: list[dict[str, Any]] = [
        {
            "kind": "inbound_message",
            "inbound_endpoint_id": PULL,
            "status": "queued",
            "received_at": "2026-04-01T00:00:00Z",
        },
        {
            "kind": "outbound_message",
            "endpoint_id": PULL,
            "status": "queued",
            "created_at": "2026-04-01T00:00:00Z",
        },
        {
            "kind": "pull_event",
            "pull_endpoint_id": PULL,
            "event_type": "a",
            "status": "stored",
            "received_at": "2026-04-01T00:00:00Z",
        },
        {
            "kind": "linked_message",
            "id": LINKED,
            "linked_account_id": "la_1",
            "provider_message_id": "1",
            "sent_at": "2026-04-01T00:00:00Z",
        },
        {"kind": "channel_message", "sub_key": SUB_KEY, "channel": "ch#1", "timetoken": "17000000000000000"},
    ]
    for record in records:
        record["payload"] = {"text": "do not keep this"}
        if "sub_key" not in record:
            record["account_id"] = ACCOUNT
            record.setdefault("id", message_id(1))
        world.load(record | DELETION)
    assert purge_all(world) == len(records)
    return records
