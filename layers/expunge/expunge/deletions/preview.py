"""What a run of the purge would remove, counted without changing anything."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from typing import Any

from expunge.deadline import Deadline
from expunge.deletions.due import Rule
from expunge.deletions.holds import Holds
from expunge.errors import OutOfTime
from expunge.table import keys
from expunge.table.search import Partition, Range, oldest_first
from expunge.table.store import Item, Store

_BATCH = 100
_PAGE = 1000
_AT_ONCE = 4

_READ = "pk, deleted_at, purge_at, erased_at, endpoint_id, linked_account_id"


def preview(store: Store, rule: Rule, deadline: Deadline) -> dict[str, Any]:
    """Count what is due by the rule and not held, by family and by account or sub key; and what is held.

    Every row is read, so it is exact. If time runs out, `remaining` is true. Raises StoreError.
    """
    holds = Holds.read(store, deadline)
    due: Counter[tuple[str, str]] = Counter()
    held = 0
    stopped = False
    try:
        for row in _rows(store, rule, deadline):
            if holds.cover_row(row):
                held += 1
            else:
                due[keys.family_and_owner(row["pk"]["S"])] += 1
    except OutOfTime:
        stopped = True
    told: dict[str, Any] = {"due": due.total(), "held": held, "by_family": _sums(due, 0)}
    told["by_account"] = _sums(due, 1)
    return told | ({"remaining": True} if stopped else {})


def _rows(store: Store, rule: Rule, deadline: Deadline) -> Iterator[Item]:
    shards = [Partition(keys.BY_STATE, shard) for shard in (*keys.bin_shards(), *keys.parked_shards())]
    bounds = Range(last=keys.due(rule.due_until))
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        found = oldest_first(store, pool, shards, bounds, _PAGE, deadline)
        # One that is on its way from one place to the other is found in both, one right after the other.
        pks = (pk for pk, _ in groupby(each.pk for each in found))
        while some := list(islice(pks, _BATCH)):
            rows = store.get_batch([(pk, keys.MESSAGE) for pk in some], deadline, _READ)
            yield from (row for row in rows if _due(rule, row))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _due(rule: Rule, row: Item) -> bool:
    deleted_at, purge_at = (row.get(name, {}).get("S") for name in ("deleted_at", "purge_at"))
    if deleted_at is None or purge_at is None or purge_at > rule.due_until:
        return False
    return "erased_at" in row or deleted_at <= rule.deleted_until


def _sums(counts: Counter[tuple[str, str]], part: int) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for place, number in sorted(counts.items()):
        sums[place[part]] += number
    return dict(sums)
