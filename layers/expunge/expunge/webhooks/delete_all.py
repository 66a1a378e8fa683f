"""Deleting the webhook messages that match a filter."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

from expunge import timestamps
from expunge.deletions.candidates import Candidates
from expunge.deletions.record import Record
from expunge.deletions.recorded import flag, flag_rest
from expunge.deletions.shortfall import Shortfall
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call
from expunge.table import keys
from expunge.table.search import Found, Partition, oldest_first
from expunge.webhooks import customer_endpoints
from expunge.webhooks.earlier import asked, earlier
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.families import Family
from expunge.webhooks.filtered import conclude, repeat
from expunge.webhooks.filters import Filters, Form
from expunge.webhooks.parameters import path_uuid, refuse_body
from expunge.webhooks.plans import plan, planned

_QUERIES_AT_ONCE = 4


class _Place(NamedTuple):
    """Where the messages lie that are asked for."""

    filters: Filters
    endpoint_id: str | None
    partitions: Sequence[Partition]


def delete_all(call: Call[ApiKey], family: Family, form: Form) -> Answer:
    """Delete the messages that match the filters of the query, oldest first, or plan to.

    Answers with the ids of exactly the rows that this request committed, whatever failed on the way. Raises
    Refused for a request that is not understood, StoreError if the endpoint cannot be looked up.
    """
    record = earlier(call)
    if record is not None and record.plan_expires_at:
        return planned(record, replayed=True)
    if record is not None and record.complete:
        return repeat(record, replayed=True)
    place = _place(call, family, form)
    record = record or _record(call, family, place)
    before = len(record.taken)
    pool = ThreadPoolExecutor(_QUERIES_AT_ONCE)
    try:
        if place.filters.dry_run:
            return plan(call, record, _matching(call, place, pool), timestamps.now())
        shortfall = _delete(call, record, place, pool)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return conclude(call, record, shortfall, before)


def _place(call: Call[ApiKey], family: Family, form: Form) -> _Place:
    """Check the request: its shape, then whether its endpoint exists. Say where the matching messages lie."""
    # Any text may be an event type, one with a comma too.
    filters = form.read(call.request.query(once=("event_type",)))
    refuse_body(call.request, "filters go into the query string")
    endpoint_id = filters.endpoint_id
    if family.by_endpoint:
        endpoint_id = path_uuid(call.request, "id")
        customer_endpoints.require_named_by_path(call, family, endpoint_id)
    elif endpoint_id is not None:
        customer_endpoints.require_named_by_filter(call, family, endpoint_id)
    account_id = call.caller.account_id
    partitions = family.partitions(account_id, filters.status, endpoint_id, filters.event_type)
    return _Place(filters, endpoint_id, partitions)


def _record(call: Call[ApiKey], family: Family, place: _Place) -> Record:
    """A new record, of a deletion or of a plan, about no message so far."""
    asks = asked(call)
    filters = place.filters.given
    if family.by_endpoint and place.endpoint_id is not None:
        filters = {f"{family.name}_endpoint_id": place.endpoint_id, **filters}
    prefix = family.pk(call.caller.account_id, "", place.endpoint_id)
    record = asks.record(family.name, prefix, {"filters": filters})
    if not place.filters.dry_run:
        record.deletion = asks.deletion()
    return record


def _delete(call: Call[ApiKey], record: Record, place: _Place, pool: Executor) -> Shortfall | None:
    """First what an earlier request left undone, if there was one, then what is found."""
    store, deadline, limit = call.store, call.request.deadline, place.filters.limit
    shortfall = flag_rest(store, record, deadline)
    if record.deletion is None or shortfall is not None:
        return shortfall

    def search(page: Callable[[], int]) -> Iterator[Found]:
        return _search(call, place, pool, page)

    candidates = Candidates(record.deletion, place.partitions, place.filters.window, search, limit)
    while shortfall is None and len(record.taken) < limit:
        targets, error = candidates.take(limit - len(record.taken))
        if error is not None:
            shortfall = Shortfall(error)
        if not targets:
            break
        shortfall = flag(store, record, targets, deadline) or shortfall
        candidates.settle(targets)
    return None if len(record.taken) >= limit else shortfall  # at the limit, nothing is missing


def _matching(call: Call[ApiKey], place: _Place, pool: Executor) -> list[str]:
    limit = place.filters.limit
    found = _search(call, place, pool, lambda: limit)
    # A message that moves while it is searched for may be found twice.
    ids = dict.fromkeys(keys.message_id(each.pk) for each in islice(found, limit))
    return list(ids)


def _search(call: Call[ApiKey], place: _Place, pool: Executor, page: Callable[[], int]) -> Iterator[Found]:
    deadline = call.request.deadline.for_searching()
    return oldest_first(call.store, pool, place.partitions, place.filters.window, page, deadline)
