"""Reading messages as the API's clients must see them: nothing that is deleted, or about to be.

A deletion of channel history is answered before all of its messages are flagged. Its note says which are
meant, so whoever reads the keyset's notes before a message knows whether that one is deleted.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from expunge import timetokens
from expunge.deadline import Deadline
from expunge.errors import InvalidRequest, Unreadable
from expunge.history import notes
from expunge.history.notes import Sweep
from expunge.messages.identity import IDENTITY, check
from expunge.table import keys
from expunge.table.json_text import read as read_json
from expunge.table.records import ChannelMessage
from expunge.table.search import Found, Partition, Range, oldest_first
from expunge.table.shown import after_payload, before_payload, payload, readable
from expunge.table.store import Item, Store
from expunge.webhooks.families import FAMILIES
from expunge.webhooks.filters import INBOUND_FILTERS, OUTBOUND_FILTERS, PULL_FILTERS, Form

_ATTRIBUTES = (
    "pk, sk, kind, account_id, id, endpoint_id, event_type, #status, received_at, created_at,"
    " linked_account_id, provider_message_id, sent_at, sub_key, channel, timetoken, stored_at, version,"
    " content_url, state_pk, state_sk, group_pk, deleted_at, deleted_by, delete_request_id, purge_at,"
    " purged_at, restored_at, restored_by"
)
_WITH_CONTENT = f"{_ATTRIBUTES}, payload"

_FILTERS: Mapping[str, tuple[str, Form]] = {
    "inbound_message": ("inbound", INBOUND_FILTERS),
    "outbound_message": ("outbound", OUTBOUND_FILTERS),
    "pull_event": ("pull", PULL_FILTERS),
}

_MESSAGES = 50
"""Read at a time, each with its content: a batch of 100 items."""

_PAGE = 100
_log = logging.getLogger(__name__)
_AT_ONCE = 4

Record = dict[str, Any]


def get(store: Store, pk: str, deadline: Deadline) -> Record | None:
    """One record; None once it is deleted, and where there is none. Raises Unreadable, StoreError."""
    sweeps = _sweeps(store, pk, deadline)
    items = _by_key(store, [pk], deadline)
    row = items.get((pk, keys.MESSAGE))
    if row is None or _deleted(row, sweeps):
        return None
    return _record(row, items.get((pk, keys.CONTENT)))


def is_deleted(store: Store, pk: str, deadline: Deadline) -> bool:
    """Whether it is deleted; False for what was never there. Raises Unreadable, StoreError."""
    sweeps = _sweeps(store, pk, deadline)
    rows = store.get_batch([(pk, keys.MESSAGE)], deadline, _ATTRIBUTES)
    return any(_deleted(row, sweeps) for row in rows)


def is_covered(store: Store, record: ChannelMessage, deadline: Deadline) -> bool:
    """Whether a message that is to be put is covered by a deletion that is under way.

    What is stored decides; if nothing is, the date of the new one. Raises Unreadable, StoreError.
    """
    pk = IDENTITY[record.kind].pk(record.sub_key, record.channel, record.timetoken)
    sweeps = _sweeps(store, pk, deadline)
    rows = store.get_batch([(pk, keys.MESSAGE)], deadline, _ATTRIBUTES) if sweeps else []
    new = {"channel": {"S": record.channel}, "timetoken": {"S": record.timetoken}}
    return any(_deleted(row | new, sweeps) for row in rows or [{}])


class Live:
    """Living messages of one kind, oldest first."""

    def __init__(self, kind: str, given: Mapping[str, Any]) -> None:
        """Raise ValueError for what is no filter, or not as it must be."""
        self.most: int | None = None
        self.sub_key: str | None = None
        if kind == "linked_message":
            raise ValueError(
                "linked messages cannot be listed: they are in no index, because they are only ever asked for"
                " by their id"
            )
        self.partitions, self.bounds = (
            self._channel(given) if kind == "channel_message" else self._webhooks(kind, given)
        )

    def _channel(self, given: Mapping[str, Any]) -> tuple[Sequence[Partition], Range]:
        known = ("sub_key", "channel", "start", "end")
        _refuse_unknown(given, known)
        for field in known[:2]:
            check("channel_message", field, given.get(field))
        for field in set(known[2:]) & set(given):
            check("channel_message", field, given[field])
        start, end = (timetokens.parse(given[name]) if name in given else None for name in known[2:])
        meant = timetokens.between(start, end)
        if "start" in given and not meant:
            return [], Range()
        self.sub_key = given["sub_key"]
        partitions = [
            Partition(keys.BY_STATE, keys.live_channel(given["sub_key"], given["channel"], shard))
            for shard in range(keys.CHANNEL_SHARDS)
        ]
        return partitions, Range(timetokens.order(meant[0]), timetokens.order(meant[-1]))

    def _webhooks(self, kind: str, given: Mapping[str, Any]) -> tuple[Sequence[Partition], Range]:
        name, form = _FILTERS[kind]
        family = FAMILIES[name]
        owner = ("account_id", "pull_endpoint_id") if family.by_endpoint else ("account_id",)
        for field in owner:
            check(kind, field, given.get(field))
        filters = {key: str(value) for key, value in given.items() if key not in owner}
        _refuse_unknown(filters, [key for key in form.parameters if key != "dry_run"])
        try:
            read = form.read(filters)
        except InvalidRequest as error:
            raise ValueError(error.message) from None
        self.most = read.limit if "limit" in filters else None
        endpoint = given["pull_endpoint_id"].lower() if family.by_endpoint else read.endpoint_id
        partitions = family.partitions(given["account_id"], read.status, endpoint, read.event_type)
        return partitions, read.window

    def records(self, store: Store, seconds: float) -> Iterator[Record]:
        """Give them, a batch read at a time, for which there are so many seconds. Raises StoreError."""
        left = _Time(seconds)
        deadline = Deadline(left.milliseconds)
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            found = oldest_first(store, pool, self.partitions, self.bounds, _PAGE, deadline)
            yield from islice(self._read(store, self._once(found), deadline, left), self.most)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    def _once(found: Iterator[Found]) -> Iterator[str]:
        """Pass over one that moved and was found in both places: it has the same order there."""
        order, seen = "", set[str]()
        for each in found:
            if each.order != order:
                order, seen = each.order, set()
            if each.pk not in seen:
                seen.add(each.pk)
                yield each.pk

    def _read(self, store: Store, pks: Iterator[str], deadline: Deadline, left: "_Time") -> Iterator[Record]:
        """As the last write left them: what an index shows may be gone by now."""
        while some := list(islice(pks, _MESSAGES)):
            sweeps = list(notes.of_keyset(store, self.sub_key, deadline)) if self.sub_key else []
            items = _by_key(store, some, deadline)
            for pk in some:
                row = items.get((pk, keys.MESSAGE))
                if row is None or not self._matches(row):
                    continue
                try:
                    if _deleted(row, sweeps):
                        continue
                    record = _record(row, items.get((pk, keys.CONTENT)))
                except Unreadable:
                    # One that another writer has spoilt must not hide all that come after it.
                    _log.warning("A message that cannot be read was passed over: %s", pk)
                else:
                    yield record
            left.begin_anew()

    def _matches(self, row: Item) -> bool:
        here = row.get("state_sk", {"S": ""})["S"]
        return self.bounds.first <= here <= self.bounds.last and any(
            row.get(each.attribute) == {"S": each.pk} for each in self.partitions
        )


class _Time:
    """What is left for a batch; how long its reader takes between two does not count."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.begin_anew()

    def begin_anew(self) -> None:
        self._end = time.monotonic() + self._seconds

    def milliseconds(self) -> int:
        return int(1000 * (self._end - time.monotonic()))


def _refuse_unknown(given: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise ValueError(f"{name} is no filter; those are {', '.join(known)}")


def _by_key(store: Store, pks: Sequence[str], deadline: Deadline) -> dict[tuple[str, str], Item]:
    places = [(pk, sk) for pk in pks for sk in (keys.MESSAGE, keys.CONTENT)]
    items = store.get_batch(places, deadline, _WITH_CONTENT)
    return {(item["pk"]["S"], item["sk"]["S"]): item for item in items}


def _sweeps(store: Store, pk: str, deadline: Deadline) -> Sequence[Sweep]:
    """What is being deleted of a message's keyset.

    They are read before the message: a note that is gone by then has left its flags.
    """
    sub_key = keys.sub_key(pk)
    return [] if sub_key is None else list(notes.of_keyset(store, sub_key, deadline))


def _deleted(row: Item, sweeps: Sequence[Sweep]) -> bool:
    if {"deleted_at", "purged_at"} & set(row):
        return True
    with readable():
        return any(sweep.covers(row) for sweep in sweeps)


def _record(row: Item, content: Item | None) -> Record:
    with readable():
        held = {} if content is None else {"payload": read_json(payload(content))}
        return {**before_payload(row), **held, **after_payload(row)}
