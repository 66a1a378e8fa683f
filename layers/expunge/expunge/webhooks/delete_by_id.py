"""Deleting webhook messages by their ids."""

from collections import Counter
from collections.abc import Sequence

from expunge import timestamps
from expunge.deletions.soft_delete import Deletion, Target, soft_delete
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call
from expunge.settings import settings
from expunge.table import keys
from expunge.telemetry import count
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.filters import is_uuid


def delete_batch(call: Call[ApiKey], endpoint_id: str, event_ids: Sequence[str]) -> Answer:
    """Delete pull events by id: an outcome for each entry, in order; a repeated id was deleted just before.

    Raises StoreError if an entry could not be settled; repeating the request is safe.
    """
    now = timestamps.now()
    deletion = Deletion.of(call.request.id, call.caller.key_id, now, settings().retention_days)
    targets = {
        event_id.lower(): Target(
            deletion, keys.pull_event(call.caller.account_id, endpoint_id, event_id.lower())
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
