"""POST /v1/inbound-messages/delete-all: soft-delete inbound messages by filter (HookBridge's API)."""

from collections.abc import Iterator

from expunge import endpoints, keys
from expunge.errors import EndpointNotFound
from expunge.models import InboundFilters, read
from expunge.search import Partition
from expunge.webhook_endpoint import Answer, Call, webhook_endpoint
from expunge.webhooks import delete_all


@webhook_endpoint(scope="inbound:delete")
def handler(call: Call) -> Answer:
    """Answer with the ids of the messages that this request deleted."""
    filters = read(InboundFilters, call.request.query())

    def scopes() -> Iterator[list[Partition]]:
        for endpoint_id in _endpoints(call, filters.inbound_endpoint_id):
            live = [keys.live_inbound(call.key.account_id, endpoint_id, status) for status in filters.status]
            yield [Partition(keys.BY_STATE, pk, pk) for pk in live]

    return delete_all(call, filters, scopes, family="inbound", ids_name="deleted_message_ids")


def _endpoints(call: Call, only: str | None) -> Iterator[str]:
    account_id, deadline = call.key.account_id, call.request.deadline
    if only is None:
        yield from endpoints.inbound(call.store, account_id, deadline)
    elif endpoints.exists(call.store, account_id, keys.INBOUND_ENDPOINT, only, deadline):
        yield only
    else:
        raise EndpointNotFound("endpoint not found")
