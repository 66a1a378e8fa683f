"""Placing, listing and releasing holds.

A hold is an item of its own, which stays, and an item for each thing that it covers, which names all holds on
it and goes with the last of them. All are written together or not at all.
"""

import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.covered import Covered
from expunge.errors import HoldReleased, NoSuchHold, NotHoldable, StoreError
from expunge.table import keys
from expunge.table.store import ConditionFailed, Item, Store, key

LONGEST_REASON: Final = 1000

_IN_FORCE_AFTER = timedelta(seconds=60)

# What functions do by holds that they read before this one was written has ended by then only if the write
# itself took no longer than this.
_QUICK = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold; times are RFC 3339, UTC, milliseconds."""

    id: str
    covered: Covered
    reason: str
    by: str
    placed_at: str
    in_force_from: str
    released_at: str | None = None
    released_by: str | None = None

    def told(self) -> dict[str, Any]:
        """As it is printed."""
        told = {"id": self.id, "in_force_from": self.in_force_from, **self.covered.told()}
        told |= {"reason": self.reason, "by": self.by, "placed_at": self.placed_at}
        if self.released_at is not None:
            told |= {"released_at": self.released_at, "released_by": self.released_by}
        return told

    def item(self) -> Item:
        """Write it as an item."""
        texts = {name: value for name, value in self.covered.told().items() if isinstance(value, str)}
        texts |= {"reason": self.reason, "held_by": self.by, "placed_at": self.placed_at}
        texts["in_force_from"] = self.in_force_from
        item = key(keys.HOLD, self.id) | {name: {"S": text} for name, text in texts.items()}
        messages = [{"S": each} for each in self.covered.messages]
        return item | ({"messages": {"L": messages}} if messages else {})

    @classmethod
    def of(cls, item: Item) -> "Hold":
        """Read it from its item."""
        texts = {name: value["S"] for name, value in item.items() if "S" in value}
        covered = Covered(
            **{name: texts.get(name) for name in ("account_id", "endpoint_id", "sub_key", "channel")},
            messages=tuple(each["S"] for each in item.get("messages", {}).get("L", ())),
        )
        return cls(
            id=texts["sk"],
            covered=covered,
            reason=texts["reason"],
            by=texts["held_by"],
            placed_at=texts["placed_at"],
            in_force_from=texts["in_force_from"],
            released_at=texts.get("released_at"),
            released_by=texts.get("released_by"),
        )


def place(
    store: Store, covered: Covered, *, reason: str, by: str, deadline: Deadline, hold_id: str | None = None
) -> Hold:
    """Place a hold, whether what it covers is there yet or not; it says from when on it is in force.

    The same again under the same id changes nothing. Raises NotHoldable, also if the id is another hold's,
    HoldReleased, StoreError: then it may have been placed, and `listed` tells.
    """
    covered = covered.checked()
    _check_text("reason", reason)
    _check_text("by", by)
    now = timestamps.now()
    hold = Hold(
        id=hold_id or f"hold_{int(now.timestamp() * 1000):012x}{uuid.uuid4().hex[:12]}",
        covered=covered,
        reason=reason,
        by=by,
        placed_at=timestamps.millis(now),
        in_force_from=timestamps.millis(now + _IN_FORCE_AFTER),
    )
    try:
        store.transact(_placing(store, hold), str(uuid.uuid4()), deadline)
    except ConditionFailed as refused:
        earlier = Hold.of(refused.found or {})
        if earlier.released_at is not None:
            raise _released(earlier) from None
        if (earlier.covered, earlier.reason, earlier.by) != (covered, reason, by):
            raise NotHoldable(f"there is another hold with the id {hold.id!r}") from None
        return earlier
    return hold if timestamps.now() - now <= _QUICK else _later(store, hold, deadline)


def listed(store: Store, deadline: Deadline, *, released: bool = False) -> Iterator[Hold]:
    """Holds in the order in which they were placed, those that are released only if asked for.

    Raises StoreError.
    """
    for item in store.query_all(
        deadline,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": keys.HOLD}},
    ):
        if released or "released_at" not in item:
            yield Hold.of(item)


def release(store: Store, hold_id: str, *, by: str, deadline: Deadline) -> Hold:
    """End a hold; what no other one covers is due as before. Raises NoSuchHold, HoldReleased, StoreError."""
    _check_text("by", by)
    items = store.get_batch([(keys.HOLD, hold_id)], deadline, _ALL) if re.fullmatch(_ID, hold_id) else []
    if not items:
        raise NoSuchHold(f"there is no hold with the id {hold_id!r}")
    hold = Hold.of(items[0])
    if hold.released_at is not None:
        raise _released(hold)
    now = timestamps.millis(timestamps.now())
    try:
        store.transact(_releasing(store, hold, now, by), str(uuid.uuid4()), deadline)
    except ConditionFailed as refused:
        found = Hold.of(refused.found or {})
        # If these are its own words, the first attempt did it and only the answer got lost.
        if (found.released_at, found.released_by) != (now, by):
            raise _released(found) from None
    _tidy(store, hold, deadline)
    return Hold.of(items[0] | {"released_at": {"S": now}, "released_by": {"S": by}})


_ALL = (
    "sk, account_id, endpoint_id, sub_key, channel, messages, reason, held_by, placed_at, in_force_from,"
    " released_at, released_by"
)
_ID = r"[!-~]{1,256}"


def _placing(store: Store, hold: Hold) -> list[dict[str, Any]]:
    record = {
        "TableName": store.table,
        "Item": hold.item(),
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    places = [_at_place(store, place, "ADD", hold.id) for place in hold.covered.places()]
    return [{"Put": record}, *places]


def _releasing(store: Store, hold: Hold, now: str, by: str) -> list[dict[str, Any]]:
    record = {
        "TableName": store.table,
        "Key": key(keys.HOLD, hold.id),
        "UpdateExpression": "SET released_at = :now, released_by = :by",
        "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(released_at)",
        "ExpressionAttributeValues": {":now": {"S": now}, ":by": {"S": by}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    # The purge learns from this that something of what it has put aside may be due.
    state = {
        "TableName": store.table,
        "Key": key(keys.IN_FORCE, keys.HOLDS_STATE),
        "UpdateExpression": "SET released_at = :now",
        "ExpressionAttributeValues": {":now": {"S": now}},
    }
    places = [_at_place(store, place, "DELETE", hold.id) for place in hold.covered.places()]
    return [{"Update": record}, {"Update": state}, *places]


def _at_place(store: Store, place: str, verb: str, hold_id: str) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": store.table,
            "Key": key(keys.IN_FORCE, place),
            "UpdateExpression": f"{verb} holds :hold",
            "ExpressionAttributeValues": {":hold": {"SS": [hold_id]}},
        }
    }


def _later(store: Store, hold: Hold, deadline: Deadline) -> Hold:
    """The store took so long that a function may have read the holds shortly before this one was written."""
    in_force_from = timestamps.millis(timestamps.now() + _IN_FORCE_AFTER)
    item = store.update(
        keys.HOLD,
        hold.id,
        deadline,
        UpdateExpression="SET in_force_from = :then",
        ExpressionAttributeValues={":then": {"S": in_force_from}},
        ReturnValues="ALL_NEW",
    )
    return Hold.of(item)


def _tidy(store: Store, hold: Hold, deadline: Deadline) -> None:
    """Remove the items that name no hold any more; if that fails, they do no harm."""
    with suppress(StoreError):
        for place in hold.covered.places():
            with suppress(ConditionFailed):  # another hold is on it
                store.delete(
                    keys.IN_FORCE, place, deadline, ConditionExpression="attribute_not_exists(holds)"
                )


def _released(hold: Hold) -> HoldReleased:
    return HoldReleased(
        f"the hold {hold.id} was released already, at {hold.released_at} by {hold.released_by}"
    )


def _check_text(what: str, text: str) -> None:
    if not text.strip() or len(text) > LONGEST_REASON:
        raise NotHoldable(f"{what} must be text of 1 to {LONGEST_REASON} characters")
