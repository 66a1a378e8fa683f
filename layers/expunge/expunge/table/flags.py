"""What a deletion writes on a message: who, when, for which request, when due, and its place in the bin.

What is left of a message that was purged is its tombstone: the same item, of which nothing stays but its key,
which deletion it was, when it was purged, and a mark by which whoever purged it recognises that if no answer
came. So a record that comes late or again does not bring it back.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from expunge import timestamps
from expunge.table import keys

OF_A_DELETION = ("deleted_at", "deleted_by", "delete_request_id", "purge_at")
"""Attributes that say what happened; the index's keys go with them."""

OF_A_RESTORE = ("restored_at", "restored_by")
"""Attributes that say who made a message live again; they stay if it is deleted anew."""


NOT_DELETED: Final = "attribute_not_exists(deleted_at) AND attribute_not_exists(purged_at)"
"""Condition of a write that a message must be neither deleted nor purged for."""

_GONE: Final = (
    *("kind", "account_id", "id", "endpoint_id", "#status", "received_at", "created_at", "event_type"),
    *("linked_account_id", "provider_message_id", "sent_at", "claim_id", "claim_until"),
    *("sub_key", "channel", "timetoken", "stored_at", "version", "content_url"),
    *("state_pk", "state_sk", "group_pk"),
    *("deleted_at", "deleted_by", "purge_at", "erased_at"),
    *(*OF_A_RESTORE, "restored_from", "restored_request_id"),
)
"""Every attribute of a message that its tombstone lacks; `status` is a word of DynamoDB's own."""


def flags(
    pk: str, *, deleted_at: str, deleted_by: str, delete_request_id: str, purge_at: str
) -> dict[str, str]:
    """Every attribute of a deletion of the message with that partition key; times to the millisecond."""
    return {
        "deleted_at": deleted_at,
        "deleted_by": deleted_by,
        "delete_request_id": delete_request_id,
        "purge_at": purge_at,
        "state_pk": keys.bin_shard(pk),
        "state_sk": keys.bin_order(purge_at, pk),
    }


def assignments(attributes: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """What follows SET in an update expression, and the values that it names."""
    clause = ", ".join(f"{name} = :{name}" for name in attributes)
    return clause, {f":{name}": {"S": value} for name, value in attributes.items()}


def tombstone(purged_at: datetime, days: int, mark: str) -> dict[str, Any]:
    """Give the arguments of an update that makes a message its tombstone, kept for so many days.

    Whoever got no answer knows by the `mark` that it was this update that was made.

    `delete_request_id` stays. DynamoDB removes what has expired within days, not at once; until then it
    counts.
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
    """Whether that is all that is left of a message."""
    return "purged_at" in item
