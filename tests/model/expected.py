"""What must be in the table, as the model has it: messages, what became of them, and by which request."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from expunge.table.items import items
from expunge.table.records import parse
from tests.world import INBOUND

STATUSES = {
    "inbound_message": ("queued", "succeeded", "failed_permanent"),
    "pull_event": ("stored", "fetched"),
}
ENDPOINTS = (INBOUND, INBOUND[:-1] + "b")
TYPES = ("order.created", "order.paid")
CHANNELS = ("ch1", "ch2")
RETENTION = timedelta(days=30)

Record = dict[str, Any]
Matches = Callable[[Record], bool]
Trouble = Literal["", "a lost answer", "a writer"]


@dataclass
class Message:
    """What the model knows of a message; `flagged` is by which request, and when it is due for purging."""

    record: Record
    state: Literal["live", "deleted", "purged"] = "live"
    flagged: tuple[str, datetime] | None = None


class Model:
    """What must be in the table, by partition key."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.doomed: dict[str, dict[str, datetime]] = {}
        """Messages of channels that requests may still flag in the background: by request, when due then."""
        self.channel_requests: list[tuple[Sequence[str], int, str, datetime]] = []
        """Channels, first timetoken that is spared, request and when what it deletes is due."""

    def put(self, record: Record) -> None:
        self.messages.setdefault(item_of(record)["pk"], Message(record)).record = record

    def matching(self, matches: Matches) -> dict[str, Message]:
        return {
            pk: each for pk, each in self.messages.items() if each.state == "live" and matches(each.record)
        }

    def delete(self, pk: str, request_id: str, due: datetime) -> None:
        """Each message is reported once: one that is not live any more is an error of the service's."""
        assert self.messages[pk].state == "live"
        self.messages[pk].state, self.messages[pk].flagged = "deleted", (request_id, due)

    def due(self, now: datetime) -> dict[str, Message]:
        return {pk: each for pk, each in self.messages.items() if each.flagged and each.flagged[1] <= now}

    def purge(self, pk: str) -> None:
        self.messages[pk] = Message(self.messages[pk].record, "purged")


def item_of(record: Record) -> dict[str, str]:
    """The metadata of a living message as the table must hold it, but for the time at which it was stored."""
    item = items(parse(json.dumps(record).encode()))[0]
    return {name: value["S"] for name, value in item.items() if name != "stored_at"}
