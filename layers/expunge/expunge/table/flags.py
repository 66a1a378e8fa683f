"""What a deletion writes on a message: who, when, for which request, when due, and its place in the bin."""

from collections.abc import Mapping
from typing import Any

from expunge.table import keys

OF_A_DELETION = ("deleted_at", "deleted_by", "delete_request_id", "purge_at")
"""Attributes that say what happened; the index's keys go with them."""

OF_A_RESTORE = ("restored_at", "restored_by")
"""Attributes that say who made a message live again; they stay if it is deleted anew."""


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
