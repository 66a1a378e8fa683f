"""GET /v1/deletions/{request_id}/messages: list the messages of a deletion."""

from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call, endpoint
from expunge.webhooks import deletions, envelopes
from expunge.webhooks.admission import key_with
from expunge.webhooks.envelopes import Answer


@endpoint(key_with("deletions:read"), envelopes)
def handler(call: Call[ApiKey]) -> Answer:
    """Answer with a page of messages and what became of each."""
    return deletions.list_messages(call)
