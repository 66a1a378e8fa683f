"""Deleting the webhook messages that match a filter."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from expunge import timestamps
from expunge.deletions.candidates import Candidates
from expunge.deletions.soft_delete import Deletion, Outcome, Shortfall, soft_delete
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call
from expunge.settings import settings
from expunge.table import keys
from expunge.table.search import Found, Partition, oldest_first
from expunge.telemetry import count
from expunge.webhooks import customer_endpoints
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.families import Family
from expunge.webhooks.filters import Filters, read
from expunge.webhooks.parameters import path_uuid, refuse_body

_QUERIES_AT_ONCE = 4


def delete_all(call: Call[ApiKey], family: Family, model: type[Filters]) -> Answer:
    """Delete the messages that match the filters of the query, oldest first.

    Answers with the ids of exactly the rows that this call committed, whatever failed on the way. Raises
    Refused for a request that is not understood, StoreError if the endpoint cannot be looked up.
    """
    filters, partitions = _place(call, family, model)
    now = timestamps.now()
    deletion = Deletion.of(call.request.id, call.caller.key_id, now, settings().retention_days)
    pool = ThreadPoolExecutor(_QUERIES_AT_ONCE)
    deadline = call.request.deadline.for_searching()

    def search(page: Callable[[], int]) -> Iterator[Found]:
        return oldest_first(call.store, pool, partitions, filters.window, page, deadline)

    candidates = Candidates(deletion, partitions, filters.window, search, filters.limit)
    deleted: list[str] = []
    shortfall = None
    try:
        while shortfall is None and len(deleted) < filters.limit:
            targets, error = candidates.take(filters.limit - len(deleted))
            if error is not None:
                shortfall = Shortfall(error)
            if not targets:
                break
            shortfall = soft_delete(call.store, targets, call.request.deadline) or shortfall
            candidates.settle(targets)
            deleted += [keys.message_id(each.pk) for each in targets if each.outcome is Outcome.DELETED]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if len(deleted) >= filters.limit:
        shortfall = None  # nothing is missing
    count(family.name, Deleted=len(deleted), PartialFailures=int(shortfall is not None))
    failure = None if shortfall is None else _partial_failure(len(deleted), shortfall)
    return Answer({"deleted": len(deleted), f"deleted_{family.noun}_ids": deleted}, failure)


def _place(call: Call[ApiKey], family: Family, model: type[Filters]) -> tuple[Filters, Sequence[Partition]]:
    """Check the request: its shape, then whether its endpoint exists. Say where the matching messages lie."""
    filters = read(model, call.request.query())
    refuse_body(call.request)
    endpoint_id = filters.of_endpoint
    if family.by_endpoint:
        endpoint_id = path_uuid(call.request, "id")
        customer_endpoints.require_named_by_path(call, family, endpoint_id)
    elif endpoint_id is not None:
        customer_endpoints.require_named_by_filter(call, family, endpoint_id)
    account_id = call.caller.account_id
    return filters, family.partitions(account_id, filters.status, endpoint_id, filters.of_type)


def _partial_failure(deleted: int, shortfall: Shortfall) -> dict[str, str]:
    message = f"Stopped after {deleted} deletions: {shortfall.error.reason}. Repeating the request continues."
    if shortfall.in_doubt:
        message += f" Up to {shortfall.in_doubt} more may have been deleted without being listed."
    return {"code": "PARTIAL_DELETE_FAILURE" if deleted else "DELETE_FAILED", "message": message}
