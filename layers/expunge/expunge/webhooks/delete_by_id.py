"""Deleting webhook messages by their ids: up to 100, or a single one."""

from collections import Counter
from collections.abc import Sequence

from expunge import timestamps
from expunge.deletions.soft_delete import Deletion, Outcome, Target, soft_delete
from expunge.errors import NotFound
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call
from expunge.settings import settings
from expunge.telemetry import count
from expunge.webhooks import customer_endpoints
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.families import Family
from expunge.webhooks.parameters import is_uuid, path_uuid, read_ids, refuse_unknown


def delete_batch(call: Call[ApiKey], family: Family) -> Answer:
    """Delete the messages that the body names: an outcome for each entry, in order.

    A repeated id was deleted by its first entry. Raises Refused, and StoreError if an entry could not be
    settled; repeating the request is safe.
    """
    refuse_unknown(call.request.query(), [])
    ids = read_ids(call.request.body)
    endpoint_id = _endpoint(call, family)
    if endpoint_id is not None:
        customer_endpoints.require_named_by_path(call, family, endpoint_id)
    targets = _targets(call, family, ids, endpoint_id)
    shortfall = soft_delete(call.store, list(targets.values()), call.request.deadline)
    results: list[dict[str, str]] = []
    seen: set[str] = set()
    for given in ids:
        repeated = given.lower() in seen
        seen.add(given.lower())
        outcome = _outcome(targets.get(given.lower()), repeated=repeated)
        results.append({f"{family.noun}_id": given, **outcome})
    counts = Counter(result["outcome"] for result in results)
    deleted, already, missing = counts["deleted"], counts["already_deleted"], counts["not_found"]
    count(
        family.name,
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


def delete_one(call: Call[ApiKey], family: Family) -> Answer:
    """Delete the message that the path names, or say since when it has been deleted.

    Raises Refused, and StoreError if it could not be settled; repeating the request is safe.
    """
    refuse_unknown(call.request.query(), [])
    message_id = path_uuid(call.request, f"{family.noun}_id")
    endpoint_id = _endpoint(call, family)
    [target] = _targets(call, family, [message_id], endpoint_id).values()
    shortfall = soft_delete(call.store, [target], call.request.deadline)
    if shortfall is not None:
        raise shortfall.error
    if target.deleted_at is None:
        count(family.name, NotFound=1)
        raise NotFound(f"{family.noun.capitalize()} not found")
    already = target.outcome is Outcome.ALREADY_DELETED
    count(family.name, Deleted=int(not already), AlreadyDeleted=int(already))
    return Answer(
        {f"{family.noun}_id": message_id, "deleted_at": target.deleted_at, "already_deleted": already}
    )


def _endpoint(call: Call[ApiKey], family: Family) -> str | None:
    return path_uuid(call.request, "id") if family.by_endpoint else None


def _targets(
    call: Call[ApiKey], family: Family, ids: Sequence[str], endpoint_id: str | None
) -> dict[str, Target]:
    """A target for each id that can be one, however often it is given."""
    now = timestamps.now()
    deletion = Deletion.of(call.request.id, call.caller.key_id, now, settings().retention_days)
    account_id = call.caller.account_id
    uuids = dict.fromkeys(each.lower() for each in ids if is_uuid(each))
    return {each: Target(deletion, family.pk(account_id, each, endpoint_id)) for each in uuids}


def _outcome(target: Target | None, *, repeated: bool) -> dict[str, str]:
    if target is None or target.deleted_at is None:
        return {"outcome": "not_found"}
    outcome = "already_deleted" if repeated else target.outcome.value
    return {"outcome": outcome, "deleted_at": target.deleted_at}
