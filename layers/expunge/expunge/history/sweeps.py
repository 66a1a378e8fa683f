"""Deleting stretches of channels, however many messages are in them, by one function or by many.

A sweep is a range of channels and the deletion that it belongs to. What it deleted is gone from the index
that it searches, so the index itself is its progress: whoever carries it out begins at the start of the range
and finds what is left. A function that dies loses nothing, and any number may carry out the same sweep at
once.

A sweep that takes more than one slice is noted in the table before anything is deleted, and its note goes
when nothing is left.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple

from expunge import timetokens
from expunge.deadline import Deadline
from expunge.deletions.soft_delete import Deletion, Outcome, Target, soft_delete
from expunge.errors import OutOfTime, StoreError
from expunge.history.channels import Search, messages
from expunge.table import keys
from expunge.table.store import Item, Store
from expunge.telemetry import count, logger

SLICE = 1000
"""Messages that are deleted before the time is looked at again."""

# Sweeps that are read at a time and taken in any order, lest functions at work at once all take the same.
_SHUFFLED = 25
_QUERIES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Sweep:
    """Timetokens of a keyset's channels, and the flags that the messages get.

    Messages with timetokens from `asked` on are deleted only if they were stored before the deletion was
    asked for: the others have been published since.
    """

    sub_key: str
    channels: Sequence[str]
    timetokens: range
    asked: int
    deletion: Deletion

    @property
    def sk(self) -> str:
        """Time-ordered, and the same however often it is asked."""
        return f"{self.deletion.deleted_at}#{self.deletion.request_id}"

    def item(self) -> Item:
        """Write it as an item."""
        deletion = self.deletion
        return {
            "pk": {"S": keys.SWEEP},
            "sk": {"S": self.sk},
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
        """Read it from its item."""
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


class _DatedLater(Target):
    """A message that may have been published after the deletion was asked for: then it is left alone."""

    def write(self, table: str) -> dict[str, Any]:
        entry = super().write(table)
        entry["Update"]["ConditionExpression"] += " AND stored_at < :deleted_at"
        return entry


class Swept(NamedTuple):
    """How far a sweep got: messages that were deleted, and whether none is left."""

    deleted: int
    finished: bool


def never(_deleted: int) -> bool:
    """Go on as long as there is time."""
    return False


def carry_out(
    store: Store,
    sweep: Sweep,
    deadline: Deadline,
    *,
    noted: bool = False,
    enough: Callable[[int], bool] = never,
) -> Swept:
    """Delete slice by slice until nothing is left, `enough` (of so many) says so, or time or store give out.

    What is left then is noted in the table for others to finish. Raises StoreError if it can't be.
    """
    deleted = 0
    pool = ThreadPoolExecutor(_QUERIES_AT_ONCE)

    def searching() -> Deadline:
        # Where there is a note, no time need be kept for what was found last: it is found again.
        return deadline if noted else deadline.for_searching()

    try:
        for targets in _slices(store, pool, sweep, searching, large=noted):
            if enough(deleted):
                raise OutOfTime
            if len(targets) == SLICE and not noted:
                _note(store, sweep, deadline)
                noted = True
            shortfall = soft_delete(store, targets, deadline)
            deleted += sum(target.outcome is Outcome.DELETED for target in targets)
            if shortfall is not None:
                raise shortfall.error
        if noted:
            _take_away(store, sweep, deadline)
    except StoreError as error:
        logger.info("Sweep to be resumed", extra={"sweep": sweep.sk, "reason": error.reason})
        if not noted:
            _note(store, sweep, deadline.for_settling())
        return Swept(deleted, finished=False)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return Swept(deleted, finished=True)


def _slices(
    store: Store, pool: ThreadPoolExecutor, sweep: Sweep, searching: Callable[[], Deadline], *, large: bool
) -> Iterator[Sequence[Target]]:
    since = timetokens.order(sweep.asked)
    found = chain.from_iterable(
        messages(Search(store, pool, sweep.sub_key, sweep.timetokens, searching), channel, large=large)
        for channel in sweep.channels
    )
    while some := list(islice(found, SLICE)):
        yield [
            (Target if each.order < since else _DatedLater)(sweep.deletion, each.pk, each.place)
            for each in some
        ]


def _note(store: Store, sweep: Sweep, deadline: Deadline) -> None:
    store.put(sweep.item(), deadline)


def _take_away(store: Store, sweep: Sweep, deadline: Deadline) -> None:
    store.delete(keys.SWEEP, sweep.sk, deadline)


class Resumed(NamedTuple):
    """What a run did: sweeps that it went on with, and whether some are unfinished."""

    resumed: int
    remaining: bool


def resume(store: Store, deadline: Deadline) -> Resumed:
    """Go on with unfinished sweeps until none is left or time is up. Any number of runs may overlap.

    Raises nothing of the store: what fails remains for the next run.
    """
    resumed = deleted = 0
    remaining = False
    for item in _unfinished(store, deadline):
        swept = _resume(store, item, deadline) if item is not None else None
        resumed += int(swept is not None)
        deleted += swept.deleted if swept is not None else 0
        remaining |= swept is None or not swept.finished
    count("channel", Deleted=deleted, Resumed=resumed)
    return Resumed(resumed, remaining)


def _unfinished(store: Store, deadline: Deadline) -> Iterator[Item | None]:
    """Every sweep's item; None at the end if there may be more than could be read."""
    items = store.query_all(
        deadline,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": keys.SWEEP}},
        ConsistentRead=True,
        Limit=_SHUFFLED,
    )
    try:
        while some := list(islice(items, _SHUFFLED)):
            random.shuffle(some)
            for item in some:
                if deadline.to_start() <= 0:
                    raise OutOfTime  # like a store that gives no more
                yield item
    except StoreError:
        yield None


def _resume(store: Store, item: Item, deadline: Deadline) -> Swept | None:
    try:
        return carry_out(store, Sweep.of(item), deadline, noted=True)
    except Exception:
        # Whatever is wrong with this one, the others can do without it.
        logger.exception("A sweep failed in an unforeseen way", extra={"sweep": item["sk"]["S"]})
        return None
