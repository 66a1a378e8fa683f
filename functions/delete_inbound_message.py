"""DELETE /v1/inbound-messages/{message_id}: soft-delete an inbound message (HookBridge's API)."""

from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call, endpoint
from expunge.webhooks import envelopes
from expunge.webhooks.admission import key_with
from expunge.webhooks.delete_by_id import delete_one
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.families import INBOUND
from expunge.webhooks.repeating import idempotent


@endpoint(key_with(INBOUND.scope), envelopes)
@idempotent
def handler(call: Call[ApiKey]) -> Answer:
    """Answer when the message was deleted, and whether it was so before."""
    return delete_one(call, INBOUND)
