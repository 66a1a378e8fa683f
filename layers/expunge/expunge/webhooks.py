"""Deleting webhook messages: all that match a filter, or those with given ids."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from expunge import endpoints, keys
from expunge.errors import NotFound, StoreError
from expunge.models import Filters, is_uuid
from expunge.search import Found, Partition, oldest_first
from expunge.soft_delete import Outcome, Shortfall, Target, soft_delete
from expunge.telemetry import count
from expunge.webhook_endpoint import Answer, Call

_QUERIES_AT_ONCE = 4

Groups = Iterable[Sequence[Partition]]


def require_pull_endpoint(call: Call, endpoint_id: str) -> None:
    """Raise NotFound unless the account has that pull endpoint."""
    deadline = call.request.deadline
    if not endpoints.exists(call.store, call.key.account_id, keys.PULL_ENDPOINT, endpoint_id, deadline):
        raise NotFound("Pull endpoint not found")


def delete_all(
    call: Call, filters: Filters, scopes: Callable[[], Groups], *, family: str, ids_name: str
) -> Answer:
    """Delete what `scopes` finds, group by group (a group is an endpoint), oldest first within each.

    Answers with the ids of exactly the rows that this call committed, whatever failed on the way.
    """
    pool = ThreadPoolExecutor(_QUERIES_AT_ONCE)
    deleted: list[str] = []
    shortfall = None
    try:
        found = _found(call, filters, scopes, pool)
        while shortfall is None and len(deleted) < filters.limit:
            targets, shortfall = _take(call, found, filters.limit - len(deleted))
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
    call: Call, filters: Filters, scopes: Callable[[], Groups], pool: ThreadPoolExecutor
) -> Iterator[Found]:
    deadline = call.request.deadline.for_searching()
    for partitions in scopes():
        yield from oldest_first(call.store, pool, partitions, filters.window, filters.limit, deadline)


def _take(call: Call, found: Iterator[Found], most: int) -> tuple[list[Target], Shortfall | None]:
    targets: list[Target] = []
    try:
        for each in islice(found, most):
            targets.append(Target(call.deletion, each.pk, each.live_pk))  # noqa: PERF401 - keeps what was found
    except StoreError as error:
        return targets, Shortfall(error)
    return targets, None


def _partial_failure(deleted: int, shortfall: Shortfall) -> dict[str, str]:
    message = f"Stopped after {deleted} deletions: {shortfall.error.reason}. Repeating the request continues."
    if shortfall.in_doubt:
        message += f" Up to {shortfall.in_doubt} more may have been deleted without being listed."
    return {"code": "PARTIAL_DELETE_FAILURE" if deleted else "DELETE_FAILED", "message": message}


def delete_batch(call: Call, endpoint_id: str, event_ids: Sequence[str]) -> Answer:
    """Delete pull events by id: an outcome for each entry, in order; a repeated id was deleted just before.

    Raises StoreError if an entry could not be settled; repeating the request is safe.
    """
    targets = {
        event_id.lower(): Target(
            call.deletion, keys.pull_event(call.key.account_id, endpoint_id, event_id.lower())
        )
        for event_id in event_ids
        if is_uuid(event_id)
    }
    shortfall = soft_delete(call.store, list(targets.values()), call.request.deadline)
    results: list[dict[str, str]] = []
    seen: set[str] = set()
    for event_id in event_ids:
        repeated = event_id.lower() in seen
        seen.add(event_id.lower())
        results.append(_result(event_id, targets.get(event_id.lower()), repeated=repeated))
    counts = Counter(result["outcome"] for result in results)
    deleted, already, missing = counts["deleted"], counts["already_deleted"], counts["not_found"]
    count(
        "pull",
        Deleted=deleted,
        AlreadyDeleted=already,
        NotFound=missing,
        PartialFailures=int(shortfall is not None),
    )
    if shortfall is not None:
        raise shortfall.error
    return Answer(
        {
            "results": results,
            "deleted_count": deleted,
            "already_deleted_count": already,
            "not_found_count": missing,
        }
    )


def _result(event_id: str, target: Target | None, *, repeated: bool) -> dict[str, str]:
    if target is None or target.deleted_at is None:
        return {"event_id": event_id, "outcome": "not_found"}
    outcome = "already_deleted" if repeated else target.outcome.value
    return {"event_id": event_id, "outcome": outcome, "deleted_at": target.deleted_at}
