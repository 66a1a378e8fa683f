"""POST /v1/deletions/{request_id}/restore: make live again what a deletion flagged."""

from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call, endpoint
from expunge.webhooks import envelopes, restoring
from expunge.webhooks.admission import key_with
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.repeating import idempotent


@endpoint(key_with("deletions:restore"), envelopes)
@idempotent
def handler(call: Call[ApiKey]) -> Answer:
    """Answer with the ids of the messages that this request restored."""
    return restoring.restore_deletion(call)
