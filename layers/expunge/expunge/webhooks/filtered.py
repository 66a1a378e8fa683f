"""What a deletion by filters answers, from its record: when it is carried out and when it is repeated."""

from expunge.deletions.record import Record
from expunge.deletions.recorded import finish
from expunge.deletions.shortfall import Shortfall
from expunge.errors import Unavailable
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call
from expunge.telemetry import count
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.families import FAMILIES


def conclude(call: Call[ApiKey], record: Record, shortfall: Shortfall | None, before: int) -> Answer:
    """Complete the record and answer for the whole deletion, of which `before` were flagged earlier."""
    deleted = len(record.taken)
    count(record.family, Deleted=deleted - before, PartialFailures=int(shortfall is not None))
    error = None
    if shortfall is not None:
        shortfall.log(record.id, deleted)
        error = _partial_failure(deleted, shortfall)
    recorded = finish(call.store, record, error, call.request.deadline)
    if error is None and not recorded and call.claim is not None:
        # Without its record, a repetition would go on instead of giving this answer: so it is not final.
        error = _partial_failure(deleted, Shortfall(Unavailable()))
    return Answer(_data(record), error, recorded=recorded)


def repeat(record: Record, *, replayed: bool) -> Answer:
    """Answer once more for a deletion that is complete; `replayed` because of an idempotency key."""
    return Answer(_data(record), recorded=True, replayed=replayed)


def _data(record: Record) -> dict[str, object]:
    ids = record.deleted
    return {"deleted": len(ids), f"deleted_{FAMILIES[record.family].noun}_ids": ids}


def _partial_failure(deleted: int, shortfall: Shortfall) -> dict[str, str]:
    message = f"Stopped after {deleted} deletions: {shortfall.error.reason}. Repeating the request continues."
    if shortfall.in_doubt:
        message += f" Up to {shortfall.in_doubt} more may have been deleted without being listed."
    return {"code": "PARTIAL_DELETE_FAILURE" if deleted else "DELETE_FAILED", "message": message}
