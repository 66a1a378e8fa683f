"""POST /v1/pull-endpoints/{id}/events/delete-all: soft-delete pull events by filter (HookBridge's API)."""

from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call, endpoint
from expunge.webhooks import envelopes
from expunge.webhooks.admission import key_with
from expunge.webhooks.delete_all import delete_all
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.families import PULL
from expunge.webhooks.filters import PULL_FILTERS
from expunge.webhooks.repeating import idempotent


@endpoint(key_with(PULL.scope), envelopes)
@idempotent
def handler(call: Call[ApiKey]) -> Answer:
    """Answer with the ids of the events that this request deleted."""
    return delete_all(call, PULL, PULL_FILTERS)
