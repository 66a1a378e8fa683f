"""Finding living messages: one query a partition of an index, merged oldest first, as far as needed."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from heapq import merge
from typing import Any, NamedTuple

from expunge import keys
from expunge.deadline import Deadline
from expunge.store import Page, Store

# DynamoDB charges by 4 KB, which a page of so few keys does not fill.
_SMALLEST_PAGE = 25


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of an index whose rows all have `live_pk` as their state."""

    index: str
    pk: str
    live_pk: str


class Range(NamedTuple):
    """Bounds of the index's sort key, both inclusive; a time or timetoken alone sorts before its messages."""

    first: str = "0"
    last: str = ":"  # sorts after every digit


class Found(NamedTuple):
    """A message where it was found."""

    order: str
    pk: str
    live_pk: str


_KEY = {keys.BY_STATE: "state_pk", keys.BY_EVENT_TYPE: "type_pk"}


def oldest_first(
    store: Store, pool: Executor, partitions: Sequence[Partition], span: Range, page: int, deadline: Deadline
) -> Iterator[Found]:
    """The rows of all partitions in order; pages are read as they are needed, the first ones at once.

    `page` is the most rows that a query reads. Raises StoreError.
    """

    def query(partition: Partition, **start: Any) -> Page:
        return store.query(
            deadline,
            IndexName=partition.index,
            KeyConditionExpression=f"{_KEY[partition.index]} = :pk AND state_sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": partition.pk},
                ":first": {"S": span.first},
                ":last": {"S": span.last},
            },
            ProjectionExpression="pk, state_sk",
            Limit=max(page, _SMALLEST_PAGE),
            **start,
        )

    def rows(partition: Partition, first: Future[Page]) -> Iterator[Found]:
        read = first.result()
        while True:
            for item in read.items:
                yield Found(item["state_sk"]["S"], item["pk"]["S"], partition.live_pk)
            if read.start is None:
                return
            read = query(partition, ExclusiveStartKey=read.start)

    firsts = [pool.submit(query, partition) for partition in partitions]
    return merge(*(rows(*each) for each in zip(partitions, firsts, strict=True)))
