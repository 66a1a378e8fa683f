"""What a platform's own code imports: its messages in the table, put, changed, read and restored.

from expunge.messages import AlreadyDeleted, Messages

messages = Messages()
messages.put({"kind": "inbound_message", "account_id": "acc_1", ...})
"""

from expunge.errors import (
    AlreadyDeleted,
    ExpungeError,
    HoldReleased,
    NoSuchHold,
    NotFound,
    NotHoldable,
    OutOfTime,
    StoreError,
    Throttled,
    Unavailable,
    Unreadable,
)
from expunge.messages.library import Messages

__all__ = [
    "AlreadyDeleted",
    "ExpungeError",
    "HoldReleased",
    "Messages",
    "NoSuchHold",
    "NotFound",
    "NotHoldable",
    "OutOfTime",
    "StoreError",
    "Throttled",
    "Unavailable",
    "Unreadable",
]
