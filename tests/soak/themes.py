"""What runs are about: families of messages, and what happens how often."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import delete_inbound_message
import delete_inbound_message_batch
import delete_inbound_messages
import delete_message
import delete_outbound_message_batch
import delete_outbound_messages
import delete_pull_event
import delete_pull_event_batch
import delete_pull_events
from tests.world import INBOUND, PULL, Handler

ENDPOINTS = (INBOUND, INBOUND[:-1] + "f")
CHANNELS = ("ch1", "ch2")
TYPES = ("order.created", "order.paid")


@dataclass(frozen=True)
class Family:
    kind: str
    statuses: tuple[str, ...]
    endpoint: str
    time: str
    all: Handler
    batch: Handler
    one: Handler
    noun: str = "message"
    path: Mapping[str, str] = field(default_factory=dict)


FAMILIES = (
    Family(
        "inbound_message",
        ("queued", "succeeded", "failed_permanent"),
        "inbound_endpoint_id",
        "received",
        delete_inbound_messages.handler,
        delete_inbound_message_batch.handler,
        delete_inbound_message.handler,
    ),
    Family(
        "outbound_message",
        ("queued", "succeeded"),
        "endpoint_id",
        "created",
        delete_outbound_messages.handler,
        delete_outbound_message_batch.handler,
        delete_message.handler,
    ),
    Family(
        "pull_event",
        ("stored", "fetched"),
        "pull_endpoint_id",
        "received",
        delete_pull_events.handler,
        delete_pull_event_batch.handler,
        delete_pull_event.handler,
        "event",
        {"id": PULL},
    ),
)


# What most of a run is about, so that things get into each other's way; a name twice happens twice as often.
_DELETIONS = ("delete_all", "delete_all", "delete_batch", "delete_one")
THEMES = (
    (
        *(_DELETIONS * 2),
        *("delete_linked", "delete_history", "delete_history", "execute", "restore", "restore", "repeat"),
        *("repeat", "look", "purge", "purge", "work", "work", "fall_behind", "store", "store", "publish"),
        *("hold", "change_status", "pass_time", "pass_time", "restart"),
    ),
    (
        *_DELETIONS,
        "execute",
        "execute",
        "execute",
        "execute",
        "repeat",
        "repeat",
        "repeat",
        "look",
        "restore",
    ),
    (*_DELETIONS, "restore", "restore", "restore", "purge_early", "purge_early", "change_status", "store"),
    (*_DELETIONS, "hold", "hold", "purge_early", "purge_early", "delete_linked", "pass_time", "restore"),
    ("delete_history", "delete_history", "store", "purge", "purge", "work", "purge_early", "pass_time"),
    (*_DELETIONS, "delete_history", "fall_behind", "work", "work", "work", "purge", "store", "hold"),
)
KINDS = ("inbound_message", "outbound_message", "pull_event", "linked_message", "channel_message")
