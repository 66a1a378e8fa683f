"""What a hold names that is not in the table: it may come later, or be misspelt."""

from collections.abc import Iterator, Sequence

from expunge import timetokens
from expunge.deadline import Deadline
from expunge.deletions.covered import Covered, parted
from expunge.table import keys
from expunge.table.store import Store

_BATCH = 100

# Pull endpoints of an account in which an event is looked for by its id, which does not tell the endpoint.
_MOST_ENDPOINTS = 20


def not_there(store: Store, covered: Covered, deadline: Deadline) -> list[str]:
    """Say which of the things that a hold names are not there, such as "account acc_1". Raises StoreError."""
    return list(_missing(store, covered, deadline))


def _missing(store: Store, covered: Covered, deadline: Deadline) -> Iterator[str]:
    if covered.account_id is not None:
        account_id, endpoint_id = covered.account_id, covered.endpoint_id
        if not _account_there(store, account_id, deadline):
            yield f"account {account_id}"
        if endpoint_id is not None and not _endpoint_there(store, account_id, endpoint_id, deadline):
            yield f"endpoint {endpoint_id}"
        yield from _messages_missing(store, covered, account_id, deadline)
        return
    sub_key = covered.sub_key or ""
    if not _any(store, deadline, [(keys.keyset(sub_key), keys.KEYSET)]):
        yield f"sub key {sub_key}"
    if covered.channel is not None and not _channel_there(store, sub_key, covered.channel, deadline):
        yield f"live message in channel {covered.channel}"
    for each in covered.messages:
        channel, timetoken = parted(each)
        pk = keys.channel_message(sub_key, channel, timetokens.order(timetoken))
        if not _any(store, deadline, [(pk, keys.MESSAGE)]):
            yield f"message {each}"


def _account_there(store: Store, account_id: str, deadline: Deadline) -> bool:
    """Whether it has an endpoint, a linked account or an API key: there is no item of the account itself."""
    owned = store.query(
        deadline,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": keys.account(account_id)}},
        Limit=1,
    )
    if owned.items:
        return True
    api_keys = store.query(
        deadline,
        IndexName=keys.BY_GROUP,
        KeyConditionExpression="group_pk = :pk",
        ExpressionAttributeValues={":pk": {"S": keys.account_keys(account_id)}},
        Limit=1,
    )
    return bool(api_keys.items)


def _endpoint_there(store: Store, account_id: str, endpoint_id: str, deadline: Deadline) -> bool:
    kinds = (keys.INBOUND_ENDPOINT, keys.PULL_ENDPOINT, keys.OUTBOUND_ENDPOINT, keys.LINKED_ACCOUNT)
    return _any(store, deadline, [(keys.account(account_id), kind + endpoint_id) for kind in kinds])


def _messages_missing(store: Store, covered: Covered, account_id: str, deadline: Deadline) -> Iterator[str]:
    if not covered.messages:
        return
    endpoints = [covered.endpoint_id] if covered.endpoint_id else _pull_endpoints(store, account_id, deadline)
    for each in covered.messages:
        pks = [keys.message(family, account_id, each) for family in ("INBOUND", "OUTBOUND")]
        pks.append(keys.linked_message(account_id, each))
        pks += [keys.pull_event(account_id, endpoint_id, each) for endpoint_id in endpoints]
        if not _any(store, deadline, [(pk, keys.MESSAGE) for pk in pks]):
            yield f"message {each}"


def _pull_endpoints(store: Store, account_id: str, deadline: Deadline) -> Sequence[str]:
    page = store.query(
        deadline,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :kind)",
        ExpressionAttributeValues={
            ":pk": {"S": keys.account(account_id)},
            ":kind": {"S": keys.PULL_ENDPOINT},
        },
        Limit=_MOST_ENDPOINTS,
    )
    return [item["sk"]["S"].removeprefix(keys.PULL_ENDPOINT) for item in page.items]


def _channel_there(store: Store, sub_key: str, channel: str, deadline: Deadline) -> bool:
    for shard in range(keys.CHANNEL_SHARDS):
        page = store.query(
            deadline,
            IndexName=keys.BY_STATE,
            KeyConditionExpression="state_pk = :pk",
            ExpressionAttributeValues={":pk": {"S": keys.live_channel(sub_key, channel, shard)}},
            Limit=1,
        )
        if page.items:
            return True
    return False


def _any(store: Store, deadline: Deadline, places: Sequence[tuple[str, str]]) -> bool:
    """Whether one of so few items is there; what was purged is not, though its id is remembered."""
    found = store.get_batch(places[:_BATCH], deadline, "pk, purged_at")
    return any("purged_at" not in item for item in found)
