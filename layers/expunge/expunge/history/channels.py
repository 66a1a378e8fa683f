"""Finds the living messages of channels. Each channel is spread over 16 partitions of an index, its parts."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, wait
from itertools import chain, zip_longest
from typing import NamedTuple

from expunge import timetokens
from expunge.chance import chance
from expunge.deadline import Deadline
from expunge.errors import OutOfTime
from expunge.table import keys
from expunge.table.search import Found, Partition
from expunge.table.store import Item, Page, Store

QUERIES_AT_ONCE = 4
"""Threads that a search can use."""

# A batch is a page of so many rows from each of so many parts. No more than that is in memory at a time.
_PAGE = 500
_PARTS = keys.CHANNEL_SHARDS


class Search(NamedTuple):
    """What to search for: messages with these timetokens, in these channels of a keyset.

    `pool` has the threads for it. If `parts` are given, only these parts of each channel are searched.
    """

    store: Store
    pool: Executor
    sub_key: str
    channels: Sequence[str]
    timetokens: range
    deadline: Deadline
    parts: frozenset[int] | None = None


class _Part(NamedTuple):
    """A part of a channel, and where to read on in it."""

    place: Partition
    start: Item | None = None


def batches(search: Search) -> Iterator[list[Found]]:
    """Yield the messages that are found, batch by batch, in no order. Raises StoreError.

    A batch is a page from each of up to 16 parts, mixed: a partition of the index takes only 1,000 changes a
    second, so messages that are deleted together had better lie in different ones. A part that holds more has
    its next turn after all others. A batch may be empty. Before an error is raised, what could be read is
    yielded.
    """
    waiting = deque(_parts(search))
    while waiting:
        parts = [waiting.popleft() for _ in range(min(_PARTS, len(waiting)))]
        pages, error = _pages(search, parts)
        waiting.extend(_Part(place, page.start) for place, page in pages if page.start)
        yield list(_mixed(pages))
        if error is not None:
            raise error


def _parts(search: Search) -> Sequence[_Part]:
    """The parts to read: all of them or, for fewer timetokens than there are parts, those of the timetokens.

    They come in random order, so that functions that delete the same messages at once begin with different
    ones.
    """
    shards: Iterable[int] = range(keys.CHANNEL_SHARDS)
    if search.timetokens.stop - search.timetokens.start < keys.CHANNEL_SHARDS:
        shards = {keys.channel_shard(timetokens.order(timetoken)) for timetoken in search.timetokens}
    if search.parts is not None:
        shards = search.parts.intersection(shards)
    parts = [
        _Part(Partition(keys.BY_STATE, keys.live_channel(search.sub_key, channel, shard)))
        for channel in search.channels
        for shard in shards
    ]
    chance.shuffle(parts)
    return parts


def _pages(
    search: Search, parts: Sequence[_Part]
) -> tuple[Sequence[tuple[Partition, Page]], BaseException | None]:
    """Read a page of each part. If some could not be read, leave them out and return the first reason."""
    reads = {search.pool.submit(_page, search, part): part for part in parts}
    done = wait(reads, max(0.0, search.deadline.to_wait())).done
    errors = [error for read in done if (error := read.exception()) is not None]
    if len(done) < len(reads):
        errors.append(OutOfTime())
    pages = [
        (part.place, read.result()) for read, part in reads.items() if read in done and not read.exception()
    ]
    return pages, errors[0] if errors else None


def _page(search: Search, part: _Part) -> Page:
    more = {} if part.start is None else {"ExclusiveStartKey": part.start}
    return search.store.query(
        search.deadline,
        IndexName=part.place.index,
        KeyConditionExpression=f"{part.place.attribute} = :pk AND state_sk BETWEEN :first AND :last",
        ExpressionAttributeValues={
            ":pk": {"S": part.place.pk},
            ":first": {"S": timetokens.order(search.timetokens[0])},
            ":last": {"S": timetokens.order(search.timetokens[-1])},
        },
        ProjectionExpression="pk, state_sk",
        Limit=_PAGE,
        **more,
    )


def _mixed(pages: Iterable[tuple[Partition, Page]]) -> Iterator[Found]:
    """One message of each page, then the next of each."""
    found = (
        [Found(item["state_sk"]["S"], item["pk"]["S"], place) for item in page.items] for place, page in pages
    )
    return (each for each in chain.from_iterable(zip_longest(*found)) if each is not None)
