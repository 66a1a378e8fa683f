"""What a deletion's record lets a repeated request know of the first one."""

from expunge import timestamps
from expunge.deletions.record import Progress, Record
from expunge.deletions.recorded import Asked
from expunge.deletions.records import find
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call


def asked(call: Call[ApiKey]) -> Asked:
    """Who asks for a deletion now."""
    return Asked(call.caller.account_id, call.request.id, call.caller.key_id, timestamps.now())


def earlier(call: Call[ApiKey]) -> Record | None:
    """The record that the first request with this idempotency key left; None if there is none.

    If it is neither complete nor a plan, this request goes on with it. Raises RequestInProgress while the
    first one can still be at work, StoreError.
    """
    if call.claim is None or call.claim.first:
        return None
    record = find(call.store, call.caller.account_id, call.request.id, call.request.deadline)
    if record is None or not (record.complete or record.plan_expires_at):
        call.claim.take_over(ended=record is not None and record.progress is Progress.PARTIAL)
    return record
