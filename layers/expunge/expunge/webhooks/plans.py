"""Planned deletions: exactly the messages that a dry run found, deleted when it is executed in time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from expunge import timestamps
from expunge.deletions.record import Progress, Record
from expunge.deletions.recorded import flag_rest
from expunge.errors import Forbidden, NotFound
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call
from expunge.webhooks.deletions import find
from expunge.webhooks.earlier import asked
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.families import FAMILIES
from expunge.webhooks.filtered import conclude, repeat
from expunge.webhooks.parameters import refuse_body, refuse_unknown

_LIFETIME = timedelta(hours=1)
_SAMPLE = 10


def plan(call: Call[ApiKey], record: Record, ids: Sequence[str], now: datetime) -> Answer:
    """Write down which messages the deletion will be about, and flag none. Raises StoreError."""
    record.add(ids)
    record.progress = Progress.PLANNED
    record.plan_expires_at = timestamps.millis(now + _LIFETIME)
    record.save(call.store, call.request.deadline)
    return planned(record)


def planned(record: Record, *, replayed: bool = False) -> Answer:
    """Say what is planned."""
    data = {
        "matched": len(record.ids),
        f"sample_{FAMILIES[record.family].noun}_ids": record.ids[:_SAMPLE],
        "deletion_id": record.id,
        "expires_at": record.plan_expires_at,
    }
    return Answer(data, recorded=True, replayed=replayed)


def execute(call: Call[ApiKey]) -> Answer:
    """Delete what was planned and still matches; a repetition answers the same, and goes on where one ended.

    Any number of calls may be at work on it: they flag the same rows with the same flags. Raises NotFound,
    Forbidden, StoreError.
    """
    refuse_unknown(call.request.query(), [])
    refuse_body(call.request, "a plan is carried out as it is")
    record = _plan(call)
    if call.claim is not None and not record.complete:
        call.claim.take_over(ended=record.progress is Progress.PARTIAL)
    if record.progress is Progress.PLANNED:
        asks = asked(call)
        started = record.begin(call.store, asks.at, asks.deletion(record.id), call.request.deadline)
        record = record if started else _plan(call)
    if record.complete:
        return repeat(record, replayed=call.repeated)
    before = len(record.taken)
    shortfall = flag_rest(call.store, record, call.request.deadline)
    return conclude(call, record, shortfall, before)


def _plan(call: Call[ApiKey]) -> Record:
    record = find(call)
    if record.plan_expires_at is None or record.expired:
        raise NotFound("Planned deletion not found")
    scope = FAMILIES[record.family].scope
    if not call.caller.allows(scope):
        raise Forbidden(f"This API key lacks the scope {scope}")
    return record
