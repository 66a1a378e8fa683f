"""POST /v1/pull-endpoints/{id}/events/delete-all: soft-delete pull events by filter (HookBridge's API)."""

from expunge.errors import NotFound
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call, endpoint
from expunge.table import keys
from expunge.table.search import Partition
from expunge.webhooks import customer_endpoints, envelopes
from expunge.webhooks.admission import key_with
from expunge.webhooks.delete_all import delete_all
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.filters import PullFilters, read


@endpoint(key_with("pull:delete"), envelopes)
def handler(call: Call[ApiKey]) -> Answer:
    """Answer with the ids of the events that this request deleted."""
    filters = read(PullFilters, {**call.request.query(), "id": call.request.path("id")})
    partitions = _partitions(call, filters)
    return delete_all(call, filters, partitions, family="pull", ids_name="deleted_event_ids")


def _partitions(call: Call[ApiKey], filters: PullFilters) -> list[Partition]:
    account_id, deadline = call.caller.account_id, call.request.deadline
    if not customer_endpoints.exists(call.store, account_id, keys.PULL_ENDPOINT, filters.id, deadline):
        raise NotFound("Pull endpoint not found")
    live = [keys.live("PULL", account_id, filters.id, status) for status in filters.status]
    if filters.event_type is None:
        return [Partition(keys.BY_STATE, pk) for pk in live]
    return [Partition(keys.BY_GROUP, keys.live_of_type(pk, filters.event_type)) for pk in live]
