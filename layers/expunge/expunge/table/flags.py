"""What a deletion writes on a message (its flags), and what the purge leaves of it (its tombstone).

The flags say who deleted the message, when and for which request, and when it is due for purging. They also
move it to its place in the bin, the part of the index `by_state` that shows deleted messages.

The tombstone is the same item with little left in it: its key, the request that deleted the message, when it
was purged, and a mark by which the function that purged it recognises its own write if the answer got lost.
As long as it is there, a record that comes late or again does not bring the message back.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from expunge import timestamps
from expunge.table import keys

OF_A_DELETION = ("deleted_at", "deleted_by", "delete_request_id", "purge_at")
"""Attributes that say what happened. The index's keys are written together with them."""

OF_A_RESTORE = ("restored_at", "restored_by")
"""Attributes that say when and by whom a message was made live again. They stay if it is deleted anew."""


NOT_DELETED: Final = "attribute_not_exists(deleted_at) AND attribute_not_exists(purged_at)"
"""A condition: the message is neither deleted nor purged."""

_GONE: Final = (
    *("kind", "account_id", "id", "endpoint_id", "#status", "received_at", "created_at", "event_type"),
    *("linked_account_id", "provider_message_id", "sent_at", "claim_id", "claim_until"),
    *("sub_key", "channel", "timetoken", "stored_at", "version", "content_url"),
    *("state_pk", "state_sk", "group_pk"),
    *("deleted_at", "deleted_by", "purge_at", "erased_at"),
    *(*OF_A_RESTORE, "restored_from", "restored_request_id"),
)
"""Every attribute of a message that its tombstone lacks. An expression must call `status` by another name,
because DynamoDB reserves that word."""


def flags(
    pk: str, *, deleted_at: str, deleted_by: str, delete_request_id: str, purge_at: str
) -> dict[str, str]:
    """All that a deletion writes on the message with that partition key. Times are UTC to the millisecond."""
    return {
        "deleted_at": deleted_at,
        "deleted_by": deleted_by,
        "delete_request_id": delete_request_id,
        "purge_at": purge_at,
        "state_pk": keys.bin_shard(pk),
        "state_sk": keys.bin_order(purge_at, pk),
    }


def assignments(attributes: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Set these attributes: what follows SET in an update expression, and the values that it names."""
    clause = ", ".join(f"{name} = :{name}" for name in attributes)
    return clause, {f":{name}": {"S": value} for name, value in attributes.items()}


def tombstone(purged_at: datetime, days: int, mark: str) -> dict[str, Any]:
    """Give the arguments of an update that turns a message into its tombstone, kept for so many days.

    By the `mark`, whoever made this update and got no answer recognises it. The attribute
    `delete_request_id` is left as it is. DynamoDB removes a tombstone within a few days after its time, and
    until then it counts.
    """
    keep_until = int((purged_at + timedelta(days=days)).timestamp())
    return {
        "UpdateExpression": (
            "SET purged_at = :purged_at, purge_mark = :mark, keep_until = :keep_until"
            f" REMOVE {', '.join(_GONE)}"
        ),
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {
            ":purged_at": {"S": timestamps.millis(purged_at)},
            ":mark": {"S": mark},
            ":keep_until": {"N": str(keep_until)},
        },
    }


def is_tombstone(item: Mapping[str, Any]) -> bool:
    """Whether the item is the tombstone of a purged message."""
    return "purged_at" in item
