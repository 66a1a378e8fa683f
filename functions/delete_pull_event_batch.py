"""POST /v1/pull-endpoints/{id}/events/delete-batch: soft-delete pull events by id (HookBridge's API)."""

from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call, endpoint
from expunge.webhooks import envelopes
from expunge.webhooks.admission import key_with
from expunge.webhooks.delete_by_id import delete_batch
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.families import PULL
from expunge.webhooks.repeating import idempotent


@endpoint(key_with(PULL.scope), envelopes)
@idempotent
def handler(call: Call[ApiKey]) -> Answer:
    """Answer with an outcome for each id of the body."""
    return delete_batch(call, PULL)
