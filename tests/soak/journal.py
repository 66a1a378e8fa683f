"""Everything that was ever written to a message, and by whom: what the invariants are held to.

Client tokens are honoured here, which moto does not do: a transaction that comes again changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from expunge.table import keys
from tests.disturbances import written
from tests.soak.memory import Memory
from tests.soak.timeline import Timeline

Texts = dict[str, str]


class Change(NamedTuple):
    """One write of a message's record, told in texts; `clock` is what the writer's clock said."""

    at: float
    clock: str
    author: int
    pk: str
    old: Texts | None
    new: Texts | None

    @property
    def flags(self) -> bool:
        """Whether it soft-deleted a message that lived."""
        return self.new is not None and "deleted_at" in self.new and not {"deleted_at"} & set(self.old or ())

    @property
    def restores(self) -> bool:
        return (
            self.old is not None
            and "deleted_at" in self.old
            and self.new is not None
            and not {"deleted_at", "purged_at"} & set(self.new)
        )

    @property
    def purges(self) -> bool:
        return (
            self.new is not None
            and "purged_at" in self.new
            and not (self.old is not None and "purged_at" in self.old)
        )


@dataclass
class Journal:
    """Carries writes out and notes what they changed."""

    timeline: Timeline
    memory: Memory
    changes: list[Change] = field(default_factory=list)
    stream: list[dict[str, Any]] = field(default_factory=list)
    """The same, with the notes of background deletions, as the table's stream has it."""
    _done: dict[str, Any] = field(default_factory=dict)

    def carry_out(self, author: int, operation: str, params: dict[str, Any]) -> Any:
        """Make a call of the store, unless it is a transaction that has been made."""
        token = params.get("ClientRequestToken")
        if token in self._done:
            return self._done[token]
        places = [(key["pk"]["S"], key["sk"]["S"]) for _, key in written(operation, params) if _is_told(key)]
        before = [self.memory.items.get(place) for place in places]
        reply = self.memory.answer(operation, params)
        if token is not None:
            self._done[token] = reply
        for place, old in zip(places, before, strict=True):
            self._note(author, place, old, self.memory.items.get(place))
        return reply

    def messages(self) -> dict[str, Texts]:
        """Every message's record or tombstone by its partition key."""
        return {pk: texts(item) or {} for (pk, sk), item in self.memory.items.items() if sk == keys.MESSAGE}

    def _note(
        self, author: int, place: tuple[str, str], old: dict[str, Any] | None, new: dict[str, Any] | None
    ) -> None:
        if old == new:
            return
        pk, sk = place
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        images = {name: image for name, image in (("OldImage", old), ("NewImage", new)) if image is not None}
        number = len(self.stream) + 1
        data = {"ApproximateCreationDateTime": self.timeline.now.timestamp(), "Keys": key, **images}
        data |= {"SequenceNumber": f"{number:021d}", "StreamViewType": "NEW_AND_OLD_IMAGES"}
        event = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        self.stream.append({"eventID": f"{number:032x}", "eventName": event, "dynamodb": data})
        if sk == keys.MESSAGE:
            clock = self.timeline.clock()
            self.changes.append(Change(self.timeline.seconds, clock, author, pk, texts(old), texts(new)))


def texts(image: Mapping[str, Any] | None) -> Texts | None:
    """Its attributes without their types."""
    return None if image is None else {name: str(next(iter(each.values()))) for name, each in image.items()}


def _is_told(key: Mapping[str, Any]) -> bool:
    return bool(key["sk"]["S"] == keys.MESSAGE or key["pk"]["S"].startswith("SWEEP#"))
