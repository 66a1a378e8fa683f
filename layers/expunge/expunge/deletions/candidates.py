"""Which messages a filtered deletion takes next: the oldest that match, unless others are after the same.

Each message is offered once, however many places it was seen in. If it has moved from one place that matches
to another by the time it is written, it is offered again, for that place.

Identical requests at once all go for the oldest messages, one of them gets them, and the others would go for
the next oldest and lose again. So a request that has lost messages looks further ahead, divides what it sees
into stretches as long as its limit, and takes one of them at random. Identical requests see the same
stretches, so each of them mostly gets the whole of one or nothing of it. What a request leaves out it keeps
for later, so that in the end nothing is left out.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from expunge.chance import chance
from expunge.deletions.soft_delete import Deletion, Outcome, Target
from expunge.errors import StoreError
from expunge.table.search import Found, Partition, Range
from expunge.table.store import Item

# Once a request has lost messages to others, it looks at so many times its own limit of what matches, and at
# no more than so many messages. They are few bytes each.
_LIMITS_AHEAD = 16
_MOST_AHEAD = 4000

Search = Callable[[Callable[[], int]], Iterator[Found]]
"""Finds what matches, oldest first. Its argument is asked before each query how many rows that may read."""


class Candidates:
    """The messages that are in some partitions of an index within bounds."""

    def __init__(
        self, deletion: Deletion, partitions: Sequence[Partition], bounds: Range, search: Search, limit: int
    ) -> None:
        self._deletion = deletion
        self._partitions = partitions
        self._bounds = bounds
        self._limit = limit
        self._ahead = limit
        self._contended = False
        self._found = search(lambda: self._ahead)
        self._waiting: dict[str, Target] = {}
        self._deleted: set[str] = set()

    def take(self, most: int) -> tuple[list[Target], StoreError | None]:
        """Give up to so many, in order, and the error of the store if that is why there are not more."""
        error = None
        try:
            self._look_ahead()
        except StoreError as failed:
            error = failed
        waiting = list(self._waiting)
        stretches = -(-len(waiting) // self._limit)
        first = self._limit * chance.randrange(stretches) if self._contended and stretches else 0
        return [self._waiting.pop(pk) for pk in waiting[first : first + most]], error

    def settle(self, targets: Sequence[Target]) -> None:
        """Learn from what became of the targets that were taken."""
        moved: dict[str, Target] = {}
        for target in targets:
            if target.outcome is Outcome.DELETED:
                self._deleted.add(target.pk)
            elif target.outcome is Outcome.ALREADY_DELETED:
                self._contended = True
                self._ahead = max(self._limit, min(_LIMITS_AHEAD * self._limit, _MOST_AHEAD))
            elif target.outcome is Outcome.CHANGED and (place := self._place_of(target.found or {})):
                moved[target.pk] = Target(self._deletion, target.pk, place)
        self._waiting = moved | self._waiting

    def _look_ahead(self) -> None:
        while len(self._waiting) < self._ahead and (each := next(self._found, None)):
            if each.pk in self._waiting:
                self._waiting[each.pk].elsewhere.append(each.place)
            elif each.pk not in self._deleted:
                self._waiting[each.pk] = Target(self._deletion, each.pk, each.place)

    def _place_of(self, item: Item) -> Partition | None:
        """Where a message is now, if that still matches."""
        if not self._bounds.first <= _text(item, "state_sk") <= self._bounds.last:
            return None
        here = (each for each in self._partitions if _text(item, each.attribute) == each.pk)
        return next(here, None)


def _text(item: dict[str, Any], name: str) -> str:
    return str(item.get(name, {}).get("S", ""))
