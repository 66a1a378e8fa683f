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
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.filters import Filters

_QUERIES_AT_ONCE = 4


def delete_all(
    call: Call[ApiKey], filters: Filters, partitions: Sequence[Partition], *, family: str, ids_name: str
) -> Answer:
    """Delete what the partitions hold in the filters' window, oldest first.

    Answers with the ids of exactly the rows that this call committed, whatever failed on the way.
    """
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
    count(family, Deleted=len(deleted), PartialFailures=int(shortfall is not None))
    error = None if shortfall is None else _partial_failure(len(deleted), shortfall)
    return Answer({"deleted": len(deleted), ids_name: deleted}, error)


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
