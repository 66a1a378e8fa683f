"""Every key of the table, in one place.

A message is two items in a partition of its own: ``MESSAGE`` (its metadata, under 1 KB) and ``CONTENT``
(its payload). They are apart because DynamoDB charges an update for the whole item.

The sparse index ``by_state`` holds a message either among the living of its endpoint and status, or in the
bin, due for purging. The sparse index ``by_event_type`` holds living pull events once more, by event type.
Every key of a message starts with its account, so tenants cannot meet, whatever ids they choose.
"""

from zlib import crc32

MESSAGE = "MESSAGE"
CONTENT = "CONTENT"

BY_STATE = "by_state"
BY_EVENT_TYPE = "by_event_type"

BIN_SHARDS = 16
"""Purging spreads over this many partitions. More may be added; taking one away would hide what is in it."""


def inbound_message(account_id: str, endpoint_id: str, message_id: str) -> str:
    """Partition key of an inbound message."""
    return f"INBOUND#{account_id}#{endpoint_id}#{message_id}"


def pull_event(account_id: str, endpoint_id: str, event_id: str) -> str:
    """Partition key of a pull event."""
    return f"PULL#{account_id}#{endpoint_id}#{event_id}"


def live_inbound(account_id: str, endpoint_id: str, status: str) -> str:
    """``state_pk`` of the living inbound messages of one endpoint and status."""
    return f"LIVE#INBOUND#{account_id}#{endpoint_id}#{status}"


def live_pull(account_id: str, endpoint_id: str, status: str) -> str:
    """``state_pk`` of the living pull events of one endpoint and status."""
    return f"LIVE#PULL#{account_id}#{endpoint_id}#{status}"


def event_type(live_pk: str, name: str) -> str:
    """``type_pk`` of the living pull events of one endpoint, status and event type."""
    return f"{live_pk}#{name}"


def live_order(received_at: str, message_id: str) -> str:
    """``state_sk`` of a living webhook message: fixed-width time first, so that a range is a window."""
    return f"{received_at}#{message_id}"


def message_id(pk: str) -> str:
    """The id at the end of an inbound message's or a pull event's partition key."""
    return pk.rpartition("#")[2]


def bin_shard(pk: str) -> str:
    """``state_pk`` of a deleted message, whatever its family."""
    return f"BIN#{crc32(pk.encode()) % BIN_SHARDS:02d}"


def bin_order(purge_at: str, pk: str) -> str:
    """``state_sk`` of a deleted message: what is due first comes first."""
    return f"{purge_at}#{pk}"


def account(account_id: str) -> str:
    """Partition of what an account owns: its endpoints."""
    return f"ACCOUNT#{account_id}"


INBOUND_ENDPOINT = "INBOUND_ENDPOINT#"
PULL_ENDPOINT = "PULL_ENDPOINT#"

API_KEY = "API_KEY"


def api_key(sha256: str) -> str:
    """Partition key of an API key; the table knows only its digest."""
    return f"API_KEY#{sha256}"
