"""Changes grouped into events: those of one request together, those of one message in order.

A change joins the event of its group only if that comes after every event in which its message is already.
So a message that was deleted, restored and deleted again in one batch is in three events, in that order.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from expunge.events.changes import BYTES, PURGED, Change

IDS: Final = 1000
"""Most ids in an event."""


@dataclass
class Event:
    """One event, made of one change or several."""

    detail_type: str
    changes: list[Change]
    _size: int = field(init=False)

    def __post_init__(self) -> None:
        self._size = len(self.detail.encode())

    @cached_property
    def messages(self) -> set[str]:
        """Partition keys of what it is about."""
        return {change.pk for change in self.changes}

    @property
    def size(self) -> int:
        """Bytes of its detail, at most so many."""
        return self._size

    @property
    def detail(self) -> str:
        """Write what it says, as JSON."""
        first = self.changes[0]
        content: dict[str, Any] = dict(first.about)
        content["at"] = max(change.at for change in self.changes)
        if first.id is not None:
            content["ids"] = [change.id for change in self.changes]
        return _json(content)

    def takes(self, change: Change) -> bool:
        """Add a change of the same group, unless it is full."""
        added = len(_json(change.id).encode()) + 1
        if change.id is None or len(self.changes) == IDS or self._size + added > BYTES:
            return False
        self.changes.append(change)
        self._size += added
        return True


def grouped(changes: Iterable[Change]) -> Sequence[Event]:
    """Events in the order in which they must be published."""
    events: list[Event] = []
    open_at: dict[tuple[Any, ...], int] = {}
    last_at: dict[str, int] = {}
    for change in changes:
        group = _group(change)
        place = open_at.get(group, -1)
        if place <= last_at.get(change.pk, -1) or not events[place].takes(change):
            place = open_at[group] = len(events)
            events.append(Event(change.detail_type, [change]))
        last_at[change.pk] = place
    return events


def _group(change: Change) -> tuple[Any, ...]:
    """What was purged of one deletion goes together; the event says when the last of it was."""
    return (change.detail_type, change.about, "" if change.detail_type == PURGED else change.at)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
