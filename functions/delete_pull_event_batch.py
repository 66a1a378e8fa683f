"""POST /v1/pull-endpoints/{id}/events/delete-batch: soft-delete pull events by id (HookBridge's API)."""

from expunge.errors import NotFound
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call, endpoint
from expunge.table import keys
from expunge.webhooks import customer_endpoints, envelopes
from expunge.webhooks.admission import key_with
from expunge.webhooks.delete_by_id import delete_batch
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.filters import EventBatch, read, read_json


@endpoint(key_with("pull:delete"), envelopes)
def handler(call: Call[ApiKey]) -> Answer:
    """Answer with an outcome for each id of the body."""
    body = read_json(call.request.body)
    batch = read(EventBatch, {**body, "id": call.request.path("id")})
    account_id, deadline = call.caller.account_id, call.request.deadline
    if not customer_endpoints.exists(call.store, account_id, keys.PULL_ENDPOINT, batch.id, deadline):
        raise NotFound("Pull endpoint not found")
    return delete_batch(call, batch.id, batch.message_ids)
