"""POST /v1/pull-endpoints/{id}/events/delete-all: soft-delete pull events by filter (HookBridge's API)."""

from collections.abc import Iterator

from expunge import keys
from expunge.models import PullFilters, read
from expunge.search import Partition
from expunge.webhook_endpoint import Answer, Call, webhook_endpoint
from expunge.webhooks import delete_all, require_pull_endpoint


@webhook_endpoint(scope="pull:delete")
def handler(call: Call) -> Answer:
    """Answer with the ids of the events that this request deleted."""
    filters = read(PullFilters, {**call.request.query(), "id": call.request.path("id")})

    def scopes() -> Iterator[list[Partition]]:
        require_pull_endpoint(call, filters.id)
        live = [keys.live_pull(call.key.account_id, filters.id, status) for status in filters.status]
        if filters.event_type is None:
            yield [Partition(keys.BY_STATE, pk, pk) for pk in live]
        else:
            yield [Partition(keys.BY_EVENT_TYPE, keys.event_type(pk, filters.event_type), pk) for pk in live]

    return delete_all(call, filters, scopes, family="pull", ids_name="deleted_event_ids")
