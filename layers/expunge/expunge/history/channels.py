"""Finding the messages of a channel, which are spread over the parts that keys.py names."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from expunge import timetokens
from expunge.deadline import Deadline
from expunge.table import keys
from expunge.table.search import Found, Partition, Range, oldest_first
from expunge.table.store import Store

# As many rows as a query's megabyte holds. No more than about that are in memory at a time.
_PAGE = 5000
_SMALL_PAGE = 300
# A channel of which one part holds at most so many is small: its parts fill alike.
_FEW = 50


class Search(NamedTuple):
    """What is searched for in the channels of a keyset, and until when, asked before every part."""

    store: Store
    pool: Executor
    sub_key: str
    timetokens: range
    deadline: Callable[[], Deadline]


def messages(search: Search, channel: str, *, large: bool) -> Iterator[Found]:
    """Living messages with such timetokens, part by part, in no order. Raises StoreError.

    Unless the channel is known to be large, the first part tells: if it holds few, the others are read at
    once.
    """
    parts = _parts(search, channel)
    in_first = 0
    for each in _read(search, parts[:1], _PAGE):
        in_first += 1
        yield each
    if large or in_first > _FEW:
        for part in parts[1:]:
            yield from _read(search, [part], _PAGE)
    else:
        yield from _read(search, parts[1:], _SMALL_PAGE)


def _parts(search: Search, channel: str) -> Sequence[Partition]:
    """Where the messages may be: in all parts, or in those that the timetokens of so short a range are in.

    In any order, lest functions that delete the same messages at once get in each other's way.
    """
    shards: Iterable[int] = range(keys.CHANNEL_SHARDS)
    if search.timetokens.stop - search.timetokens.start < keys.CHANNEL_SHARDS:
        shards = {keys.channel_shard(timetokens.order(timetoken)) for timetoken in search.timetokens}
    live = [keys.live_channel(search.sub_key, channel, shard) for shard in shards]
    random.shuffle(live)
    return [Partition(keys.BY_STATE, pk) for pk in live]


def _read(search: Search, parts: Sequence[Partition], page: int) -> Iterator[Found]:
    if not parts:
        return iter(())
    bounds = Range(timetokens.order(search.timetokens[0]), timetokens.order(search.timetokens[-1]))
    return oldest_first(search.store, search.pool, parts, bounds, page, search.deadline())
