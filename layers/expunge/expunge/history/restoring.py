"""Restores a deletion of channel history. Nothing lists its messages: they are found in the bin.

The bin is the part of an index that shows deleted messages. What is restored is gone from it, so no progress
needs to be stored: whoever does the same again finds what is left.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from typing import NamedTuple

from expunge import timestamps, timetokens
from expunge.deadline import Deadline
from expunge.deletions.due import Rule
from expunge.deletions.record import Progress
from expunge.deletions.restore import Restoration, Restorer, restore
from expunge.deletions.soft_delete import Deletion
from expunge.history import records
from expunge.table import keys
from expunge.table.search import Partition, Range, oldest_first
from expunge.table.store import Item, Store

SLICE = 1000
"""Messages that are restored before more is looked for."""

_PAGE = 250
_AT_ONCE = 4
_BATCH = 100  # keys that BatchGetItem takes


class Message(NamedTuple):
    """A message by its channel and timetoken."""

    channel: str
    timetoken: int


def end_sweep(store: Store, sub_key: str, request_id: str, record_days: int, deadline: Deadline) -> bool:
    """End a deletion that is still under way, for good. Return whether it was. Raises StoreError.

    A function that is flagging messages for it at this moment flags up to a thousand more and then stops.
    """
    sweep = records.unfinished(store, sub_key, request_id, deadline)
    if sweep is not None:
        records.end(store, sweep, Progress.PARTIAL, record_days, deadline)
    return sweep is not None


def restore_all(
    store: Store,
    sub_key: str,
    deletion: Deletion,
    restorer: Restorer,
    retention_days: int,
    deadline: Deadline,
) -> Iterator[int]:
    """Restore whatever the deletion flagged, and yield after each slice how many messages it restored.

    Messages are looked for under the date at which the deletion made them due, and under the later one that
    the purge gives them if the retention in force is longer. Memory holds a slice, and a page of keys from
    each shard of the bin, however much there is. Raises StoreError after the slices that worked.
    """
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for purge_at in _dates(deletion, retention_days):
            pks = _in_bin(store, pool, sub_key, purge_at, deadline)
            while some := list(islice(pks, SLICE)):
                yield from _restore(store, deletion, restorer, [_row(pk) for pk in some], deadline)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def restore_some(
    store: Store,
    sub_key: str,
    deletion: Deletion,
    restorer: Restorer,
    messages: Iterable[Message],
    deadline: Deadline,
) -> Iterator[int]:
    """Restore those of these messages that the deletion flagged, as `restore_all` does."""
    orders = ((channel, timetokens.order(timetoken)) for channel, timetoken in dict.fromkeys(messages))
    pks = (keys.channel_message(sub_key, channel, order) for channel, order in orders)
    while some := list(islice(pks, SLICE)):
        yield from _restore(store, deletion, restorer, [_row(pk) for pk in some], deadline)


def count_deleted(
    store: Store, sub_key: str, deletion: Deletion, retention_days: int, deadline: Deadline
) -> int:
    """How many messages bear the flags of the deletion now. Raises StoreError."""
    pool = ThreadPoolExecutor(_AT_ONCE)
    total = 0
    try:
        for purge_at in _dates(deletion, retention_days):
            pks = _in_bin(store, pool, sub_key, purge_at, deadline)
            while some := list(islice(pks, _BATCH)):
                places = [(pk, keys.MESSAGE) for pk in some]
                rows = store.get_batch(places, deadline, "deleted_at, delete_request_id")
                total += sum(deletion.made(row) for row in rows)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return total


def _restore(
    store: Store, deletion: Deletion, restorer: Restorer, rows: Sequence[Item], deadline: Deadline
) -> Iterator[int]:
    restorations = [Restoration(restorer, deletion, row) for row in rows]
    stopped = restore(store, restorations, deadline)
    yield sum(each.restored for each in restorations)
    if stopped is not None:
        raise stopped.error


def _dates(deletion: Deletion, retention_days: int) -> Sequence[str]:
    """When the deletion's messages may be due: by its own date, or by the retention in force."""
    rule = Rule(timestamps.now(), timedelta(days=retention_days))
    anew = max(deletion.purge_at, rule.purge_at(deletion.deleted_at))
    return list(dict.fromkeys([deletion.purge_at, anew]))


def _in_bin(
    store: Store, pool: ThreadPoolExecutor, sub_key: str, purge_at: str, deadline: Deadline
) -> Iterator[str]:
    """Partition keys of the keyset's messages that are due at exactly that time.

    Hardly ever is one of another deletion among them. Messages under a hold are, though they wait apart from
    the bin.
    """
    places = [*keys.bin_shards(), *keys.parked_shards()]
    shards = [Partition(keys.BY_STATE, place) for place in places]
    bounds = Range(*keys.bin_of_keyset(purge_at, sub_key))
    return (each.pk for each in oldest_first(store, pool, shards, bounds, _PAGE, deadline))


def _row(pk: str) -> Item:
    """The attributes that tell a message's place among the living. All of them are in its key."""
    _, sub_key, rest = pk.split("#", 2)
    channel, _, timetoken = rest.rpartition("#")
    told = {
        "pk": pk,
        "kind": "channel_message",
        "sub_key": sub_key,
        "channel": channel,
        "timetoken": timetoken,
    }
    return {name: {"S": text} for name, text in told.items()}
