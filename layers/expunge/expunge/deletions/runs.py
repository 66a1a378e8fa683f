"""What is remembered of each run of the purge, newest first, for more than a year."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.errors import StoreError
from expunge.table import keys
from expunge.table.store import Item, Store, key
from expunge.telemetry import logger

KEPT: Final = timedelta(days=400)

_NUMBERS = ("purged", "resumed", "held")


@dataclass(slots=True)
class Run:
    """A run's record. One that lacks `ended_at` is at work, or was killed."""

    started_at: str = field(default_factory=lambda: timestamps.millis(timestamps.now()))
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    def save(self, store: Store, deadline: Deadline, **told: Any) -> None:
        """Write what is known of it; if the store fails, the run goes on without."""
        until = timestamps.parse(self.started_at) + KEPT
        item: Item = key(keys.PURGE_RUN, f"{self.started_at}#{self.id}")
        item |= {"started_at": {"S": self.started_at}, "keep_until": {"N": str(int(until.timestamp()))}}
        item |= {name: _written(value) for name, value in told.items() if value is not None}
        try:
            store.put(item, deadline)
        except StoreError as error:
            logger.warning("The run's record was not written", extra={"reason": error.reason})

    def end(self, store: Store, deadline: Deadline, result: Mapping[str, Any], stopped: str | None) -> None:
        """Write how it ended: what it answers, and why it did not go on until nothing was due."""
        told = {name: result.get(name, 0) for name in (*_NUMBERS, "remaining")}
        self.save(store, deadline, ended_at=timestamps.millis(timestamps.now()), stopped=stopped, **told)


def newest(store: Store, deadline: Deadline) -> Iterator[dict[str, Any]]:
    """What is known of each run, as it is printed. Raises StoreError."""
    for item in store.query_all(
        deadline,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": keys.PURGE_RUN}},
        ScanIndexForward=False,
        ConsistentRead=True,
    ):
        yield _told(item)


def _told(item: Item) -> dict[str, Any]:
    told: dict[str, Any] = {name: item[name]["S"] for name in ("started_at", "ended_at") if name in item}
    told |= {name: int(item[name]["N"]) for name in _NUMBERS if name in item}
    told |= {"remaining": item["remaining"]["BOOL"]} if "remaining" in item else {}
    return told | ({"stopped": item["stopped"]["S"]} if "stopped" in item else {})


def _written(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}
