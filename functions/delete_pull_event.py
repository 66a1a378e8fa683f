"""DELETE /v1/pull-endpoints/{id}/events/{event_id}: soft-delete a pull event (HookBridge's API)."""

from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call, endpoint
from expunge.webhooks import envelopes
from expunge.webhooks.admission import key_with
from expunge.webhooks.delete_by_id import delete_one
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.families import PULL
from expunge.webhooks.repeating import idempotent


@endpoint(key_with(PULL.scope), envelopes)
@idempotent
def handler(call: Call[ApiKey]) -> Answer:
    """Answer when the event was deleted, and whether it was so before."""
    return delete_one(call, PULL)
