"""Deleting the webhook messages that match a filter."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from expunge import timestamps
from expunge.deletions.soft_delete import Deletion, Outcome, Shortfall, Target, soft_delete
from expunge.errors import StoreError
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
    filters, partitions = _search(call, family, model)
    now = timestamps.now()
    deletion = Deletion.of(call.request.id, call.caller.key_id, now, settings().retention_days)
    pool = ThreadPoolExecutor(_QUERIES_AT_ONCE)
    deleted: list[str] = []
    shortfall = None
    try:
        found = _found(call, filters, partitions, pool)
        while shortfall is None and len(deleted) < filters.limit:
            targets, shortfall = _take(deletion, found, filters.limit - len(deleted))
            if not targets:
                break
            shortfall = soft_delete(call.store, targets, call.request.deadline) or shortfall
            deleted += [keys.message_id(each.pk) for each in targets if each.outcome is Outcome.DELETED]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    count(family.name, Deleted=len(deleted), PartialFailures=int(shortfall is not None))
    error = None if shortfall is None else _partial_failure(len(deleted), shortfall)
    return Answer({"deleted": len(deleted), f"deleted_{family.noun}_ids": deleted}, error)


def _search(call: Call[ApiKey], family: Family, model: type[Filters]) -> tuple[Filters, Sequence[Partition]]:
    """Check the request: its shape, then whether its endpoint exists."""
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


def _found(
    call: Call[ApiKey], filters: Filters, partitions: Sequence[Partition], pool: ThreadPoolExecutor
) -> Iterator[Found]:
    """Search when the first is taken, so that a failure is met where the others are."""
    deadline = call.request.deadline.for_searching()
    yield from oldest_first(call.store, pool, partitions, filters.window, filters.limit, deadline)


def _take(deletion: Deletion, found: Iterator[Found], most: int) -> tuple[list[Target], Shortfall | None]:
    targets: list[Target] = []
    try:
        for each in islice(found, most):
            targets.append(Target(deletion, each.pk, each.place))  # noqa: PERF401 - keeps what was found
    except StoreError as error:
        return targets, Shortfall(error)
    return targets, None


def _partial_failure(deleted: int, shortfall: Shortfall) -> dict[str, str]:
    message = f"Stopped after {deleted} deletions: {shortfall.error.reason}. Repeating the request continues."
    if shortfall.in_doubt:
        message += f" Up to {shortfall.in_doubt} more may have been deleted without being listed."
    return {"code": "PARTIAL_DELETE_FAILURE" if deleted else "DELETE_FAILED", "message": message}
