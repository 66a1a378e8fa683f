"""Finding messages by an index: a query for each partition, their rows merged in order, as far as needed."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from heapq import merge
from operator import attrgetter
from typing import Any, NamedTuple

from expunge.deadline import Deadline
from expunge.table import keys
from expunge.table.store import Page, Store

# DynamoDB charges by 4 KB, and so few keys do not fill that: a smaller page would cost as much.
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
    """Bounds of the index's sort key, both inclusive; a time or timetoken alone sorts before its messages."""

    first: str = "0"
    last: str = ":"  # sorts after every digit


class Found(NamedTuple):
    """A message where it was found."""

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
    """The rows of all partitions in order; pages are read as they are needed, the first ones at once.

    `page` is the most rows that a query reads, or tells it before every query. Raises StoreError.
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
