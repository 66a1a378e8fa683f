"""POST /v1/inbound-messages/delete-all: soft-delete inbound messages by filter (HookBridge's API)."""

from expunge.errors import EndpointNotFound
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call, endpoint
from expunge.table import keys
from expunge.table.search import Partition
from expunge.webhooks import customer_endpoints, envelopes
from expunge.webhooks.admission import key_with
from expunge.webhooks.delete_all import delete_all
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.filters import InboundFilters, read


@endpoint(key_with("inbound:delete"), envelopes)
def handler(call: Call[ApiKey]) -> Answer:
    """Answer with the ids of the messages that this request deleted."""
    filters = read(InboundFilters, call.request.query())
    partitions = _partitions(call, filters)
    return delete_all(call, filters, partitions, family="inbound", ids_name="deleted_message_ids")


def _partitions(call: Call[ApiKey], filters: InboundFilters) -> list[Partition]:
    account_id, endpoint_id = call.caller.account_id, filters.inbound_endpoint_id
    if endpoint_id is None:
        return [
            Partition(keys.BY_GROUP, keys.live_of_account("INBOUND", account_id, status, shard))
            for status in filters.status
            for shard in range(keys.ACCOUNT_SHARDS)
        ]
    deadline = call.request.deadline
    if not customer_endpoints.exists(call.store, account_id, keys.INBOUND_ENDPOINT, endpoint_id, deadline):
        raise EndpointNotFound("endpoint not found")
    return [
        Partition(keys.BY_STATE, keys.live("INBOUND", account_id, endpoint_id, status))
        for status in filters.status
    ]
