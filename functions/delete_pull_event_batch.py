"""POST /v1/pull-endpoints/{id}/events/delete-batch: soft-delete pull events by id (HookBridge's API)."""

from expunge.models import EventBatch, read, read_json
from expunge.webhook_endpoint import Answer, Call, webhook_endpoint
from expunge.webhooks import delete_batch, require_pull_endpoint


@webhook_endpoint(scope="pull:delete")
def handler(call: Call) -> Answer:
    """Answer with an outcome for each id of the body."""
    body = read_json(call.request.body)
    batch = read(EventBatch, {**body, "id": call.request.path("id")})
    require_pull_endpoint(call, batch.id)
    return delete_batch(call, batch.id, batch.message_ids)
