"""Restoring what a deletion flagged, as HookBridge's API would answer it."""

from expunge import timestamps
from expunge.deletions.restore import ATTRIBUTES, Restorer, of_record, restore
from expunge.deletions.shortfall import Shortfall
from expunge.deletions.standing import Rows, read, settle, standings
from expunge.errors import InvalidRequest, NotRestorable
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call
from expunge.http.request import Request
from expunge.telemetry import count
from expunge.webhooks.deletions import find
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.parameters import read_object, refuse_unknown

_MOST_IDS = 1000


def restore_deletion(call: Call[ApiKey]) -> Answer:
    """Make live again what a deletion flagged, or those of its messages that the body names.

    Raises Refused, StoreError if the messages could not be read.
    """
    refuse_unknown(call.request.query(), [])
    wanted = _wanted(call.request)
    if call.claim is not None:
        call.claim.take_over()
    deadline = call.request.deadline
    record = find(call)
    rows = read(call.store, record, deadline, ATTRIBUTES)
    settle(call.store, record, rows, deadline)
    if not any(each.state in ("deleted", "restored") for each in standings(record, rows)):
        raise NotRestorable(
            "This deletion has no messages that can be restored: they were purged, or it deleted none"
        )
    ids = [each for each in record.ids if wanted is None or each in wanted]
    restorer = Restorer(call.request.id, call.caller.key_id, timestamps.millis(timestamps.now()))
    mine = {each for each in ids if _made(restorer, rows, record.pk(each))}
    restorations = of_record(record, rows, ids, restorer)
    stopped = restore(call.store, list(restorations.values()), deadline)
    fresh = {each for each, row in restorations.items() if row.restored}
    count(record.family, Restored=len(fresh), PartialFailures=int(stopped is not None))
    restored = [each for each in ids if each in mine or each in fresh]
    error = None
    if stopped is not None:
        stopped.log(record.id, len(restored))
        error = _partial_failure(len(restored), stopped)
    return Answer({"restored": len(restored), "restored_ids": restored}, error)


def _made(restorer: Restorer, rows: Rows, pk: str) -> bool:
    """Whether an earlier call with the same idempotency key restored it."""
    return pk in rows and restorer.made(rows[pk])


def _wanted(request: Request) -> set[str] | None:
    """Ids that the body names; None for all. Raises InvalidRequest."""
    try:
        empty = not request.body().strip()
    except ValueError:
        raise InvalidRequest("payload must be valid JSON") from None
    fields = {} if empty else read_object(request.body)
    refuse_unknown(fields, ["message_ids"], "field")
    if "message_ids" not in fields:
        return None
    ids = fields["message_ids"]
    if not (
        isinstance(ids, list) and 1 <= len(ids) <= _MOST_IDS and all(isinstance(each, str) for each in ids)
    ):
        raise InvalidRequest(f"message_ids must be a list of 1 to {_MOST_IDS} strings")
    return {each.lower() for each in ids}


def _partial_failure(restored: int, stopped: Shortfall) -> dict[str, str]:
    message = f"Stopped after {restored} messages: {stopped.error.reason}. Repeating the request continues."
    if stopped.in_doubt:
        message += f" Up to {stopped.in_doubt} more may have been restored without being listed."
    return {"code": "PARTIAL_RESTORE_FAILURE" if restored else "RESTORE_FAILED", "message": message}
