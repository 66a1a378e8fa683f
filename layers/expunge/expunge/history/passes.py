"""One pass of a sweep: all that the index shows in the sweep's range is deleted.

What was deleted is gone from the index, so no progress needs to be stored: whoever carries out a sweep begins
anew and finds what is left. A function that dies loses nothing, and any number of them may carry out the same
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
from expunge.history.channels import QUERIES_AT_ONCE, Search, batches
from expunge.history.notes import Sweep
from expunge.table.search import Found
from expunge.table.store import Store

SLICE = 1000
"""Messages that are deleted before the time is looked at again."""


@dataclass(slots=True, kw_only=True)
class _Covered(Target):
    """A message to delete, unless it was restored after the request.

    `stored_before` is None, or the time of the request if the message is dated later than that. Then it is
    deleted only if it was stored before that time.
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
    """Make one pass, only over `parts` if given, and yield after each step how many messages it deleted.

    A step is a search, which deletes none, or a slice of messages. So the caller can look at the time often.
    Raises StoreError after the steps that worked.
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
    """Yield what is found in slices, and an empty slice after each search."""
    waiting: list[Found] = []
    try:
        for found in batches(search):
            yield ()
            waiting += found
            while len(waiting) >= SLICE:
                yield waiting[:SLICE]
                del waiting[:SLICE]
    except StoreError:
        # The deadline for searching leaves time to delete what was found before the error.
        if waiting:
            yield waiting
        raise
    if waiting:
        yield waiting


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
