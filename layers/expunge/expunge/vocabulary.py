"""The words and limits that records, requests and the command share, each said once.

A status that is added here can be loaded and is found by every filter from then on.
"""

from typing import Literal, get_args

InboundStatus = Literal["queued", "delivering", "succeeded", "pending_retry", "failed_permanent"]
OutboundStatus = InboundStatus
PullStatus = Literal["stored", "fetched", "delivered"]

INBOUND_STATUSES: tuple[str, ...] = get_args(InboundStatus)
OUTBOUND_STATUSES: tuple[str, ...] = get_args(OutboundStatus)
PULL_STATUSES: tuple[str, ...] = get_args(PullStatus)

Scope = Literal[
    "inbound:delete",
    "pull:delete",
    "outbound:delete",
    "messages:delete",
    "deletions:read",
    "deletions:restore",
]
"""What an API key may be allowed to do."""

Permission = Literal["read", "write", "manage", "delete", "create", "get", "update", "join"]
"""What may be granted on a channel, in the order of the bits that tokens have for them."""

PERMISSIONS: tuple[str, ...] = get_args(Permission)

UUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
"""Any version, in the usual form; stored in small letters. These patterns are of the whole text."""

ACCOUNT_ID = r"[A-Za-z0-9_-]{1,64}"
SUB_KEY = r"[A-Za-z0-9_-]{1,128}"

MESSAGE_ID = r"msg_[0-9A-HJKMNP-TV-Z]{26}"
"""A linked account's message: 26 characters of Crockford's base32, in capitals as they are issued."""

# In characters.
LONGEST_EVENT_TYPE = 256
LONGEST_CHANNEL = 92
LONGEST_UUID = 64
"""Of the client that a channel-history request names; it need not be a UUID."""
LONGEST_KEY = 256
"""Of API keys, and of ids that others issue."""
LONGEST_AUTH_KEY = 256

MAX_PAYLOAD = 350 * 1024
"""Bytes of a payload's compact JSON. DynamoDB takes items of up to 400 KB."""

LARGEST_VERSION = 2**63 - 1
"""Of a message's record: has room for nanoseconds since the epoch, and is what 64 bits hold."""
