"""Messages that are due but held wait apart from the bin, so that not every run comes upon them again.

A restore and all else that may happen to them finds them by their own key. After a hold was released, a run
looks through all that wait; what no hold covers any more is removed or goes back to the bin. They are also
looked through in order to count them, because a restore takes one away without changing the number: with
every run while they are few, else once a day. A run that has no time for all of them notes how far it got,
and the next one goes on from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.holds import Holds
from expunge.table import keys
from expunge.table.search import Found
from expunge.table.store import Item, Store, key

# Counted anew with every run: that takes 25 read units.
_FEW = 1000

_DAILY = timedelta(days=1)

GROUP = 4
"""Shards of those that wait that are looked through together."""

# For so long after a hold was released, a run that read the holds before may still set messages aside, and
# the index may not show it yet.
_SETTLED = timedelta(seconds=180)


class Look(NamedTuple):
    """How far a look through all of them got that has not come to its end.

    It began at `began_at`, when `released_at` was noted, and has `counted` so many that go on waiting. It
    goes on after the message with the sort key `after`, in the group of shards of that number.
    """

    began_at: str
    released_at: str
    counted: int = 0
    group: int = 0
    after: str = ""

    @property
    def shards(self) -> Sequence[str]:
        """The group of shards in which it goes on; none at the end."""
        return keys.parked_shards()[self.group * GROUP :][:GROUP]

    def is_past(self, moved: "Moved") -> bool:
        """Whether it will not come upon a message that is set aside only now."""
        group = keys.parked_shards().index(moved.to) // GROUP
        return (group, moved.found.order) <= (self.group, self.after)

    def item(self) -> Item:
        """Write it as a map."""
        return {
            name: {"N": str(value)} if isinstance(value, int) else {"S": value}
            for name, value in self._asdict().items()
        }

    @classmethod
    def of(cls, item: Item) -> "Look":
        """Read it from its map."""
        values: list[Any] = [
            int(item[name]["N"]) if "N" in item[name] else item[name]["S"] for name in cls._fields
        ]
        return cls(*values)


class Waiting(NamedTuple):
    """What is noted about the messages that wait.

    `released_at` is when a hold was released last, by the clock of whoever released it. `seen_release` is the
    `released_at` that a run knew when it last looked through them, and `seen_at` is when a run first knew it,
    by the clock of that run: the two clocks may differ.
    """

    messages: int = 0
    looked_at: str = ""
    released_at: str = ""
    seen_release: str = ""
    seen_at: str = ""
    look: Look | None = None

    @classmethod
    def of(cls, holds: Holds) -> "Waiting":
        """Read it from what was read with the holds."""
        item = holds.state or {}
        messages = int(item["waiting"]["N"]) if "waiting" in item else 0
        times = {name: item[name]["S"] for name in _TIMES if name in item}
        look = Look.of(item["look"]["M"]) if "look" in item else None
        return cls(messages, look=look)._replace(**times)

    def to_be_looked_at(self, now: datetime) -> bool:
        """Whether some of them may be due by now, or their number may be wrong."""
        if self == Waiting():
            return False
        if self.look is not None or not self.looked_at or 0 < self.messages <= _FEW:
            return True
        return self.may_be_released or now - timestamps.parse(self.looked_at) > _DAILY

    @property
    def may_be_released(self) -> bool:
        """Whether a hold was released, and no run has looked through all of them long enough after that."""
        if self.released_at != self.seen_release:
            return True
        if not self.seen_at or not self.looked_at:
            return False
        return timestamps.parse(self.looked_at) < timestamps.parse(self.seen_at) + _SETTLED

    def begun(self, now: datetime) -> Look:
        """Give the look that is to be gone on with, or a new one."""
        return self.look or Look(timestamps.millis(now), self.released_at)

    def looked_through(self, look: Look) -> "Waiting":
        """What is to be noted once all of them were looked through."""
        seen_at = self.seen_at if look.released_at == self.seen_release else look.began_at
        return self._replace(looked_at=look.began_at, seen_release=look.released_at, seen_at=seen_at)


_TIMES = ("looked_at", "released_at", "seen_release", "seen_at")


def note(
    store: Store, messages: int, looked: Waiting | None, deadline: Deadline, look: Look | None = None
) -> None:
    """Note how many more wait, or how many wait in all if they were looked through, or how far a look got.

    Raises StoreError.
    """
    expression = "ADD waiting :messages"
    values: Item = {":messages": {"N": str(messages)}}
    if looked is not None:
        names = ("looked_at", "seen_release", "seen_at")
        expression = "SET waiting = :messages, " + ", ".join(f"{name} = :{name}" for name in names)
        expression += " REMOVE look"
        values |= {f":{name}": {"S": getattr(looked, name)} for name in names}
    elif look is not None:
        expression = f"SET look = :look {expression}"
        values[":look"] = {"M": look.item()}
    store.update(
        keys.IN_FORCE,
        keys.HOLDS_STATE,
        deadline,
        UpdateExpression=expression,
        ExpressionAttributeValues=values,
    )


@dataclass(slots=True)
class Moved:
    """A message in the bin that is to wait, or one that waited and goes back to the bin."""

    found: Found
    to: str
    done: bool = field(default=False, init=False)

    @classmethod
    def aside(cls, found: Found) -> "Moved":
        """Set one in the bin aside."""
        return cls(found, keys.parked(found.place.pk))

    @classmethod
    def back(cls, found: Found) -> "Moved":
        """Put one that waited back."""
        return cls(found, keys.bin_shard(found.pk))

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        """Give the update that moves it, if nobody has touched it."""
        update = {
            "TableName": table,
            "Key": key(self.found.pk, keys.MESSAGE),
            "UpdateExpression": "SET state_pk = :to",
            "ConditionExpression": "state_pk = :from AND state_sk = :order AND attribute_exists(deleted_at)",
            "ExpressionAttributeValues": {
                ":from": {"S": self.found.place.pk},
                ":order": {"S": self.found.order},
                ":to": {"S": self.to},
            },
        }
        return [{"Update": update}]

    def committed(self) -> None:
        """Take note of the store's yes."""
        self.done = True

    def refused(self, found: Item | None) -> None:
        """Leave it: somebody has touched it meanwhile, or the index showed it late."""


def waits(found: Found) -> bool:
    """Whether a message was found among those that wait."""
    return found.place.pk in _SHARDS


_SHARDS = frozenset(keys.parked_shards())
