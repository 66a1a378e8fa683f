"""A deletion's record: who asked, when, for what, and which messages it was about.

It is written before the first flag. What became of each message is read from the flags; the record only
remembers which messages the deletion took, because flags go when a message is purged or restored. A small
deletion is written in one transaction with its flags, and is complete from the first. A larger one is written
before its flags (`executing`) and completed after them. A function that ends in between leaves a record that
is settled from the flags when it is next looked at.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.soft_delete import Deletion
from expunge.errors import Unavailable
from expunge.table import keys
from expunge.table.store import ConditionFailed, Item, Store

_BYTES = 16
"""How many a packed UUID takes."""


class Progress(StrEnum):
    """How far a deletion got; `PARTIAL` where an error was answered or a function ended without an answer."""

    PLANNED = "planned"
    EXECUTING = "executing"
    DONE = "done"
    PARTIAL = "partial"


@dataclass(slots=True)
class Record:
    """What the table knows of a deletion.

    `about` is `{"filters": {...}}` or `{"requested_ids": n}`; `prefix` and an id make the partition key of a
    message; `deletion` is None while it is only planned. `taken` are the ids that it has flagged, as
    far as is known, `doubtful` those whose fate was unknown when it ended, `already` those that others had
    deleted, and when.
    Times are RFC 3339, UTC, milliseconds.
    """

    account_id: str
    id: str
    family: str
    requested_at: str
    requested_by: str
    about: dict[str, Any]
    prefix: str
    keep_until: int
    """Seconds since the epoch."""
    ids: list[str] = field(default_factory=list)
    progress: Progress = Progress.EXECUTING
    deletion: Deletion | None = None
    busy_until: str | None = None
    """Until when a function may be at work on it; None once its outcome is settled."""
    plan_expires_at: str | None = None
    taken: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    already: dict[str, str] = field(default_factory=dict)
    error: dict[str, str] | None = None
    took_some: bool = False
    """Whether it has flagged any messages; tells so even if the record was read without their ids."""
    stored: bool = False
    """Whether the table has it."""
    revision: int = 0
    """Counts its writes, so that one that arrives late changes nothing any more."""

    @property
    def state(self) -> str:
        """Give `progress` as callers are told it: by now a plan may have expired, or a function ended."""
        if self.progress is Progress.PLANNED and self.expired:
            return "expired"
        if self.progress is Progress.EXECUTING and not self.busy:
            return Progress.PARTIAL
        return self.progress

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be done or to be found out."""
        return self.progress is Progress.DONE and self.busy_until is None

    @property
    def restorable_until(self) -> str | None:
        """Until when its messages can be restored; None if it is certain that it has flagged none.

        What a deletion of channel history flags is not counted.
        """
        if self.deletion is None:
            return None
        none = not self.taken and not self.took_some and self.busy_until is None
        return None if none and "channels" not in self.about else self.deletion.purge_at

    @property
    def busy(self) -> bool:
        """Whether a function can still be at work on it."""
        return self.busy_until is not None and _now() < self.busy_until

    @property
    def expired(self) -> bool:
        """Whether it was planned and never executed, and it is too late for that."""
        at = self.plan_expires_at
        return self.progress is Progress.PLANNED and at is not None and at <= _now()

    @property
    def order(self) -> str:
        """Where it is among the deletions of its account."""
        return keys.deletion_order(self.requested_at, self.id)

    @property
    def deleted(self) -> list[str]:
        """Ids of what it flagged, in the order of the first answer."""
        return [each for each in self.ids if each in self.taken]

    def pk(self, message_id: str) -> str:
        """Partition key of one of its messages."""
        return self.prefix + message_id

    def item(self) -> Item:
        """Write it as an item."""
        texts = {
            "pk": keys.deletion(self.account_id, self.id),
            "sk": keys.DELETION,
            "state_pk": keys.deletions(self.account_id),
            "state_sk": self.order,
            "group_pk": keys.deletions_of_family(self.account_id, self.family),
            "account_id": self.account_id,
            "request_id": self.id,
            "of_family": self.family,
            "requested_at": self.requested_at,
            "requested_by": self.requested_by,
            "about": _json(self.about),
            "prefix": self.prefix,
            "plan_expires_at": self.plan_expires_at,
        }
        item = {name: {"S": text} for name, text in texts.items() if text}
        numbers = {"keep_until": {"N": str(self.keep_until)}, "revision": {"N": str(self.revision)}}
        return item | numbers | self._changing()

    def _changing(self) -> Item:
        """Attributes that change after the first write."""
        texts: dict[str, str | None] = {"progress": self.progress, "busy_until": self.busy_until}
        if self.deletion is not None:
            texts |= {
                "flagged_at": self.deletion.deleted_at,
                "flagged_by": self.deletion.deleted_by,
                "restorable_until": self.deletion.purge_at,
            }
        if self.error is not None:
            texts["problem"] = _json(self.error)
        if self.already:
            texts["already"] = _json(self.already)
        item: Item = {name: {"S": text} for name, text in texts.items() if text}
        binary = {
            "ids": bytes.fromhex("".join(self.ids).replace("-", "")),
            "taken": _bits(self.ids, self.taken),
            "doubtful": _bits(self.ids, self.doubtful),
        }
        return item | {name: {"B": value} for name, value in binary.items() if value}

    @classmethod
    def of(cls, item: Item) -> "Record":
        """Read it from its item."""
        text = {name: value["S"] for name, value in item.items() if "S" in value}
        packed = item["ids"]["B"] if "ids" in item else b""
        ids = [str(UUID(bytes=bytes(packed[at : at + _BYTES]))) for at in range(0, len(packed), _BYTES)]
        deletion = None
        if "flagged_at" in text:
            deletion = Deletion(
                text["request_id"], text["flagged_by"], text["flagged_at"], text["restorable_until"]
            )
        return cls(
            account_id=text["account_id"],
            id=text["request_id"],
            family=text["of_family"],
            requested_at=text["requested_at"],
            requested_by=text["requested_by"],
            about=json.loads(text["about"]),
            prefix=text["prefix"],
            keep_until=int(item["keep_until"]["N"]),
            ids=ids,
            progress=Progress(text["progress"]),
            deletion=deletion,
            busy_until=text.get("busy_until"),
            plan_expires_at=text.get("plan_expires_at"),
            taken=_set(ids, item, "taken"),
            doubtful=_set(ids, item, "doubtful"),
            already=json.loads(text.get("already", "{}")),
            error=json.loads(text["problem"]) if "problem" in text else None,
            took_some="taken" in item,
            stored=True,
            revision=int(item["revision"]["N"]),
        )

    def save(self, store: Store, deadline: Deadline) -> None:
        """Write it, or what has changed of it.

        Raises StoreError, also if the table has a later version than this one and what was written to it.
        """
        if not self.stored:
            try:
                store.put(self.item(), deadline, ConditionExpression="attribute_not_exists(pk)")
            except ConditionFailed:
                self.stored = True  # by an earlier try of this write, or by the request that this one repeats
            else:
                self.stored = True
                return
        self.revision += 1
        if not self._update(store, deadline, "revision <= :revision"):
            raise Unavailable("SupersededRecord")

    def save_if_unchanged(self, store: Store, deadline: Deadline) -> None:
        """Write what a look at it has found out, unless it was written meanwhile. Raises StoreError."""
        self._update(store, deadline, "revision = :revision")

    def begin(self, store: Store, now: datetime, deletion: Deletion, deadline: Deadline) -> bool:
        """Go from plan to execution; False if another request has done so first. Raises StoreError."""
        values = {":before": {"S": self.progress}}
        self.progress, self.deletion = Progress.EXECUTING, deletion
        self.revision += 1
        self.be_busy(now, deadline)
        return self._update(store, deadline, "progress = :before OR flagged_at = :flagged_at", values)

    def be_busy(self, now: datetime, deadline: Deadline) -> None:
        """Note until when the function may be at work."""
        self.busy_until = timestamps.millis(now + timedelta(seconds=max(0.0, deadline.to_end())))

    def add(self, ids: Iterable[str]) -> None:
        """Take in messages that it is about."""
        known = set(self.ids)
        self.ids += [each for each in ids if each not in known]

    def settle(self) -> None:
        """Take note that nothing about it is open any more."""
        self.busy_until = None
        self.doubtful = set()

    def _update(self, store: Store, deadline: Deadline, condition: str, values: Item | None = None) -> bool:
        """Write what has changed; False if the condition failed.

        The condition must still hold after this write, because the write may be sent twice.
        """
        attributes = self._changing() | {"revision": {"N": str(self.revision)}}
        gone = [name for name in ("busy_until", "doubtful", "problem") if name not in attributes]
        expression = "SET " + ", ".join(f"{name} = :{name}" for name in attributes)
        try:
            store.update(
                keys.deletion(self.account_id, self.id),
                keys.DELETION,
                deadline,
                UpdateExpression=f"{expression} REMOVE {', '.join(gone)}" if gone else expression,
                ConditionExpression=f"attribute_exists(pk) AND ({condition})",
                ExpressionAttributeValues={f":{name}": value for name, value in attributes.items()}
                | (values or {}),
            )
        except ConditionFailed:
            return False
        return True


def _now() -> str:
    return timestamps.millis(timestamps.now())


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _bits(ids: Sequence[str], members: set[str]) -> bytes:
    """Write a bit for each id, that of the first one highest; no bytes if none is set."""
    if not members:
        return b""
    number = int("".join("1" if each in members else "0" for each in ids), 2)
    width = -(-len(ids) // 8)
    return (number << (8 * width - len(ids))).to_bytes(width, "big")


def _set(ids: Sequence[str], item: Item, name: str) -> set[str]:
    bits = item[name]["B"] if name in item else b""
    return {each for at, each in enumerate(ids) if bits and bits[at // 8] & (0x80 >> at % 8)}
