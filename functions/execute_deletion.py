"""POST /v1/deletions/{request_id}/execute: carry out a planned deletion."""

from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call, endpoint
from expunge.webhooks import envelopes, plans
from expunge.webhooks.admission import key_with
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.repeating import idempotent


@endpoint(key_with(None), envelopes)
@idempotent
def handler(call: Call[ApiKey]) -> Answer:
    """Answer as the planned delete-all would have answered."""
    return plans.execute(call)
