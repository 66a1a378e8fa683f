"""Deleting webhook messages by their ids: up to 100, or a single one."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from expunge.deletions.record import Record
from expunge.deletions.recorded import Single, finish, flag, flag_rest
from expunge.deletions.shortfall import Shortfall
from expunge.deletions.soft_delete import Outcome, Target, soft_delete
from expunge.errors import NotFound
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call
from expunge.telemetry import count
from expunge.webhooks import customer_endpoints
from expunge.webhooks.earlier import asked, earlier
from expunge.webhooks.envelopes import Answer, explain
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
    record = earlier(call)
    if record is not None and record.complete:
        return Answer(_results(family, record, ids), recorded=True, replayed=True)
    if endpoint_id is not None:
        customer_endpoints.require_named_by_path(call, family, endpoint_id)
    before = len(record.taken) if record is not None else 0
    if record is None:
        record, shortfall = _begin(call, family, ids, endpoint_id)
    else:
        shortfall = flag_rest(call.store, record, call.request.deadline)
    error = None if shortfall is None else explain(shortfall.error)
    recorded = finish(call.store, record, error, call.request.deadline)
    data = _results(family, record, ids)
    count(
        family.name,
        Deleted=data["deleted_count"] - before,
        AlreadyDeleted=data["already_deleted_count"],
        NotFound=data["not_found_count"],
        PartialFailures=int(shortfall is not None),
    )
    if shortfall is not None:
        raise shortfall.error
    return Answer(data, recorded=recorded)


def _begin(
    call: Call[ApiKey], family: Family, ids: Sequence[str], endpoint_id: str | None
) -> tuple[Record, Shortfall | None]:
    asks = asked(call)
    prefix = family.pk(call.caller.account_id, "", endpoint_id)
    record = asks.record(family.name, prefix, {"requested_ids": len(ids)})
    record.deletion = deletion = asks.deletion()
    uuids = dict.fromkeys(each.lower() for each in ids if is_uuid(each))
    targets = [Target(deletion, record.pk(each)) for each in uuids]
    shortfall = flag(call.store, record, targets, call.request.deadline) if targets else None
    return record, shortfall


def _results(family: Family, record: Record, ids: Sequence[str]) -> dict[str, Any]:
    results: list[dict[str, str]] = []
    seen: set[str] = set()
    for given in ids:
        repeated = given.lower() in seen
        seen.add(given.lower())
        results.append({f"{family.noun}_id": given, **_outcome(record, given.lower(), repeated=repeated)})
    counts = Counter(result["outcome"] for result in results)
    return {
        "results": results,
        "deleted_count": counts["deleted"],
        "already_deleted_count": counts["already_deleted"],
        "not_found_count": counts["not_found"],
    }


def _outcome(record: Record, message_id: str, *, repeated: bool) -> dict[str, str]:
    if message_id in record.taken and record.deletion is not None:
        outcome = "already_deleted" if repeated else "deleted"
        return {"outcome": outcome, "deleted_at": record.deletion.deleted_at}
    if message_id in record.already:
        return {"outcome": "already_deleted", "deleted_at": record.already[message_id]}
    return {"outcome": "not_found"}


def delete_one(call: Call[ApiKey], family: Family) -> Answer:
    """Delete the message that the path names, or say since when it has been deleted.

    Raises Refused, and StoreError if it could not be settled; repeating the request is safe.
    """
    refuse_unknown(call.request.query(), [])
    message_id = path_uuid(call.request, f"{family.noun}_id")
    endpoint_id = _endpoint(call, family)
    record = earlier(call)
    if record is not None and record.deletion is not None:
        return _single(family, message_id, record.deletion.deleted_at, recorded=True, replayed=True)
    asks = asked(call)
    prefix = family.pk(call.caller.account_id, "", endpoint_id)
    record = asks.record(family.name, prefix, {"requested_ids": 1})
    record.deletion = asks.deletion()
    target = Single(record.deletion, record.pk(message_id), record=record)
    shortfall = soft_delete(call.store, [target], call.request.deadline)
    if shortfall is not None:
        raise shortfall.error
    if target.deleted_at is None:
        count(family.name, NotFound=1)
        raise NotFound(f"{family.noun.capitalize()} not found")
    already = target.outcome is Outcome.ALREADY_DELETED
    count(family.name, Deleted=int(not already), AlreadyDeleted=int(already))
    return _single(family, message_id, target.deleted_at, already=already, recorded=not already)


def _single(
    family: Family,
    message_id: str,
    deleted_at: str,
    *,
    already: bool = False,
    recorded: bool = False,
    replayed: bool = False,
) -> Answer:
    data = {f"{family.noun}_id": message_id, "deleted_at": deleted_at, "already_deleted": already}
    return Answer(data, recorded=recorded, replayed=replayed)


def _endpoint(call: Call[ApiKey], family: Family) -> str | None:
    return path_uuid(call.request, "id") if family.by_endpoint else None
