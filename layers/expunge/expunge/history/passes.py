"""One pass of a sweep: all that the index shows in its range is deleted.

What was deleted is gone from the index, so the index itself is a sweep's progress: whoever carries it out
begins anew and finds what is left. A function that dies loses nothing, and any number may carry out the same
sweep at once.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from expunge import timestamps, timetokens
from expunge.deadline import Deadline
from expunge.deletions.soft_delete import Outcome, Target, soft_delete
from expunge.errors import StoreError
from expunge.history.channels import QUERIES_AT_ONCE, Search, rounds
from expunge.history.notes import Sweep
from expunge.table.search import Found
from expunge.table.store import Store

SLICE = 1000
"""Messages that are deleted before the time is looked at again."""


@dataclass(slots=True, kw_only=True)
class _Covered(Target):
    """A message that a sweep covers, unless it was restored after the request or was stored only then.

    `stored_before` is the time of the request if the message is dated later than that, else None.
    """

    stored_before: str | None

    def write(self, table: str) -> dict[str, Any]:
        """Give the update that flags it."""
        entry = Target.write(self, table)
        update = entry["Update"]
        conditions = [update["ConditionExpression"]]
        conditions.append("(attribute_not_exists(restored_at) OR restored_at <= :asked_at)")
        values = {":asked_at": {"S": self.deletion.deleted_at}}
        if self.stored_before is not None:
            conditions.append("stored_at < :stored_before")
            values[":stored_before"] = {"S": self.stored_before}
        update["ConditionExpression"] = " AND ".join(conditions)
        update["ExpressionAttributeValues"] |= values
        return entry


def delete_found(
    store: Store, sweep: Sweep, deadline: Deadline, parts: frozenset[int] | None = None
) -> Iterator[int]:
    """Make one pass in steps, giving after each how many messages it deleted; only over these parts if given.

    A step is a round of searching or a slice of messages. Raises StoreError after the steps that worked.
    """
    pool = ThreadPoolExecutor(QUERIES_AT_ONCE)
    searching = deadline.for_searching()
    search = Search(store, pool, sweep.sub_key, sweep.channels, sweep.timetokens, searching, parts)
    try:
        for found in _slices(search):
            targets = _targets(sweep, found)
            shortfall = soft_delete(store, targets, deadline) if targets else None
            yield sum(target.outcome is Outcome.DELETED for target in targets)
            if shortfall is not None:
                raise shortfall.error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _slices(search: Search) -> Iterator[Sequence[Found]]:
    """What is found, by the slice, and an empty slice after each round of searching."""
    held: list[Found] = []
    try:
        for found in rounds(search):
            yield ()
            held += found
            while len(held) >= SLICE:
                yield held[:SLICE]
                del held[:SLICE]
    except StoreError:
        # A search ends early enough for what it found to be deleted.
        if held:
            yield held
        raise
    if held:
        yield held


def _targets(sweep: Sweep, found: Sequence[Found]) -> Sequence[Target]:
    later = timetokens.order(sweep.asked)
    stored_before = timestamps.micros(timetokens.moment(sweep.asked))
    return [
        _Covered(
            sweep.deletion,
            each.pk,
            each.place,
            stored_before=stored_before if each.order >= later else None,
        )
        for each in found
    ]
