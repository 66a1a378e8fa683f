"""POST /v1/inbound-messages/delete-all: soft-delete inbound messages by filter (HookBridge's API)."""

from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call, endpoint
from expunge.webhooks import envelopes
from expunge.webhooks.admission import key_with
from expunge.webhooks.delete_all import delete_all
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.families import INBOUND
from expunge.webhooks.filters import INBOUND_FILTERS
from expunge.webhooks.repeating import idempotent


@endpoint(key_with(INBOUND.scope), envelopes)
@idempotent
def handler(call: Call[ApiKey]) -> Answer:
    """Answer with the ids of the messages that this request deleted."""
    return delete_all(call, INBOUND, INBOUND_FILTERS)
