"""GET /v1/deletions/{request_id}: look a deletion up."""

from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call, endpoint
from expunge.webhooks import deletions, envelopes
from expunge.webhooks.admission import key_with
from expunge.webhooks.envelopes import Answer


@endpoint(key_with("deletions:read"), envelopes)
def handler(call: Call[ApiKey]) -> Answer:
    """Answer with what was asked for and what became of it."""
    return deletions.get_deletion(call)
