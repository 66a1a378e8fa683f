"""Finds messages by an index: each partition is queried as far as needed, and the rows merged in order."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from heapq import merge
from operator import attrgetter
from typing import Any, NamedTuple

from expunge.deadline import Deadline
from expunge.table import keys
from expunge.table.store import Page, Store

# A page of so few keys takes less than the 4 KB by which DynamoDB charges; a smaller one would cost as much.
_SMALLEST_PAGE = 25


_KEY = {keys.BY_STATE: "state_pk", keys.BY_GROUP: "group_pk"}


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of an index, by the value of the attribute that the index is keyed with."""

    index: str
    pk: str

    @property
    def attribute(self) -> str:
        """The attribute whose value `pk` is, on every message that is in this partition."""
        return _KEY[self.index]


class Range(NamedTuple):
    """Bounds of the index's sort key, both inclusive. A time alone sorts before the messages of that time."""

    first: str = "0"
    last: str = ":"  # sorts after every digit


class Found(NamedTuple):
    """A message where it was found: `order` is its sort key in the index, `pk` its key in the table."""

    order: str
    pk: str
    place: Partition


def oldest_first(
    store: Store,
    pool: Executor,
    partitions: Sequence[Partition],
    bounds: Range,
    page: int | Callable[[], int],
    deadline: Deadline,
) -> Iterator[Found]:
    """The rows of all partitions in order. Pages are read as they are needed, the first ones at once.

    `page` is how many rows a query reads at most, or a function that is asked before each query. Raises
    StoreError.
    """

    def query(partition: Partition, **start: Any) -> Page:
        return store.query(
            deadline,
            IndexName=partition.index,
            KeyConditionExpression=f"{partition.attribute} = :pk AND state_sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": partition.pk},
                ":first": {"S": bounds.first},
                ":last": {"S": bounds.last},
            },
            ProjectionExpression="pk, state_sk",
            Limit=max(page() if callable(page) else page, _SMALLEST_PAGE),
            **start,
        )

    def rows(partition: Partition, first: Future[Page]) -> Iterator[Found]:
        read = first.result()
        while True:
            for item in read.items:
                yield Found(item["state_sk"]["S"], item["pk"]["S"], partition)
            if read.start is None:
                return
            read = query(partition, ExclusiveStartKey=read.start)

    firsts = [pool.submit(query, partition) for partition in partitions]
    # A message that moves meanwhile may be found in two places.
    return merge(*(rows(*each) for each in zip(partitions, firsts, strict=True)), key=attrgetter("order"))
