"""Deletions of channel history that are not complete, called sweeps, and their notes in the table.

Every deletion of history is noted before its first message is flagged as deleted. Its note goes when nothing
is left to delete. So notes also tell a reader which stretches of a channel are deleted, however many messages
are still to be flagged. A keyset's notes are in one partition; an index lists those of all keysets.

As long as a note is there, it also serves as the deletion's record; `history/records.py` then replaces it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from expunge import timestamps, timetokens
from expunge.deadline import Deadline
from expunge.deletions.soft_delete import Deletion
from expunge.table import keys
from expunge.table.store import ConditionFailed, Item, Store

_LONGEST_LAG = timedelta(seconds=60)
"""How long after a message was stored the index is taken to show it. DynamoDB promises no limit."""


class Place(NamedTuple):
    """The primary key of a note. `sk` begins with the time at which the deletion was asked for."""

    pk: str
    sk: str

    def age(self, now: datetime) -> float:
        """Seconds since the deletion was asked for; 0 if the key is malformed."""
        try:
            asked_at = timestamps.parse(self.sk.partition("#")[0])
        except ValueError:
            return 0.0
        return max(0.0, (now - asked_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Sweep:
    """A range of timetokens in channels of a keyset, and the flags that the messages in it get.

    `asked` is the first timetoken after the request. Messages that are dated earlier were there when the
    request arrived. One that is dated later (its publisher's clock was ahead, or it was published after the
    request) is deleted only if it was stored before the request.
    """

    sub_key: str
    channels: Sequence[str]
    timetokens: range
    asked: int
    deletion: Deletion

    @property
    def place(self) -> Place:
        """Where its note is."""
        return Place(keys.sweeps(self.sub_key), f"{self.deletion.deleted_at}#{self.deletion.request_id}")

    @property
    def all_shown_at(self) -> datetime:
        """From when on the index shows all that was stored before the request."""
        return timetokens.moment(self.asked) + _LONGEST_LAG

    def covers(self, message: Item) -> bool:
        """Whether this living message is to be deleted by it: the rules by which `passes.py` flags."""
        timetoken = int(message["timetoken"]["S"])
        if message["channel"]["S"] not in self.channels or timetoken not in self.timetokens:
            return False
        if message.get("restored_at", {"S": ""})["S"] > self.deletion.deleted_at:
            return False
        if timetoken < self.asked:
            return True
        asked_at = timestamps.micros(timetokens.moment(self.asked))
        return "stored_at" in message and message["stored_at"]["S"] < asked_at

    def item(self) -> Item:
        """Write it as an item."""
        deletion = self.deletion
        pk, sk = self.place
        return {
            "pk": {"S": pk},
            "sk": {"S": sk},
            "state_pk": {"S": keys.sweep_shard(self.sub_key)},
            "state_sk": {"S": sk},
            "sub_key": {"S": self.sub_key},
            "channels": {"L": [{"S": channel} for channel in self.channels]},
            "start": {"N": str(self.timetokens.start)},
            "stop": {"N": str(self.timetokens.stop)},
            "asked": {"N": str(self.asked)},
            "request_id": {"S": deletion.request_id},
            "deleted_by": {"S": deletion.deleted_by},
            "deleted_at": {"S": deletion.deleted_at},
            "purge_at": {"S": deletion.purge_at},
        }

    @classmethod
    def of(cls, item: Item) -> "Sweep":
        """Read it from its item. Raises KeyError or ValueError if that is malformed."""
        return cls(
            sub_key=item["sub_key"]["S"],
            channels=[channel["S"] for channel in item["channels"]["L"]],
            timetokens=range(int(item["start"]["N"]), int(item["stop"]["N"])),
            asked=int(item["asked"]["N"]),
            deletion=Deletion(
                item["request_id"]["S"],
                item["deleted_by"]["S"],
                item["deleted_at"]["S"],
                item["purge_at"]["S"],
            ),
        )


def put(store: Store, sweep: Sweep, deadline: Deadline) -> None:
    """Note a sweep. Raises StoreError."""
    store.put(sweep.item(), deadline)


def listed(store: Store, deadline: Deadline) -> Iterator[Place]:
    """Give the places of the notes of all keysets. Raises StoreError.

    A note may be missing for a short while after it was written, because an index lists them.
    """
    for shard in keys.sweep_shards():
        for item in store.query_all(
            deadline,
            IndexName=keys.BY_STATE,
            KeyConditionExpression="state_pk = :pk",
            ExpressionAttributeValues={":pk": {"S": shard}},
            ProjectionExpression="pk, sk",
        ):
            yield Place(item["pk"]["S"], item["sk"]["S"])


def read(store: Store, place: Place, deadline: Deadline) -> Item | None:
    """Read a note; None if it is gone. Raises StoreError."""
    page = store.query(
        deadline,
        KeyConditionExpression="pk = :pk AND sk = :sk",
        ExpressionAttributeValues={":pk": {"S": place.pk}, ":sk": {"S": place.sk}},
    )
    return page.items[0] if page.items else None


def exists(store: Store, place: Place, deadline: Deadline) -> bool:
    """Whether a note is still there. Raises StoreError."""
    return bool(store.get_batch([place], deadline, "pk"))


def of_keyset(store: Store, sub_key: str, deadline: Deadline) -> Iterator[Sweep]:
    """Give a keyset's notes as they are now, oldest first; one that is malformed is passed over.

    Raises StoreError.
    """
    items = store.query_all(
        deadline,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": keys.sweeps(sub_key)}},
    )
    for item in items:
        with suppress(KeyError, ValueError):
            yield Sweep.of(item)


def failures(item: Item) -> int:
    """How many runs have failed to carry out what is noted, since the last one that made progress."""
    return int(item["attempts"]["N"]) if "attempts" in item else 0


def failed(store: Store, place: Place, deadline: Deadline) -> None:
    """Count a run that failed to carry out what is noted. Raises StoreError."""
    _update(store, place, deadline, "ADD attempts :one", {":one": {"N": "1"}})


def progressed(store: Store, place: Place, deadline: Deadline) -> None:
    """Forget the failures that were counted. Raises StoreError."""
    _update(store, place, deadline, "REMOVE attempts")


def parts_done(item: Item) -> set[int]:
    """The parts of a channel in which nothing is left to delete; noted only if the sweep was divided."""
    return {int(part) for part in item["parts_done"]["NS"]} if "parts_done" in item else set()


def add_parts_done(store: Store, place: Place, parts: Iterable[int], deadline: Deadline) -> set[int]:
    """Note that nothing is left in these parts. Return all parts of which that is noted.

    Returns none if the note is gone. Raises StoreError.
    """
    with suppress(ConditionFailed):
        item = store.update(
            place.pk,
            place.sk,
            deadline,
            UpdateExpression="ADD parts_done :parts",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":parts": {"NS": [str(part) for part in parts]}},
            ReturnValues="ALL_NEW",
        )
        return parts_done(item)
    return set()


def _update(
    store: Store, place: Place, deadline: Deadline, expression: str, values: Item | None = None
) -> None:
    more = {} if values is None else {"ExpressionAttributeValues": values}
    with suppress(ConditionFailed):  # another run has removed it meanwhile
        store.update(
            place.pk,
            place.sk,
            deadline,
            UpdateExpression=expression,
            ConditionExpression="attribute_exists(pk)",
            **more,
        )
