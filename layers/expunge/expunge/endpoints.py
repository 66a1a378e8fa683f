"""Which inbound and pull endpoints an account has. What another account has does not exist here."""

from collections.abc import Iterator

from expunge import keys, timestamps
from expunge.cache import Cache
from expunge.deadline import Deadline
from expunge.store import Store

_there: Cache[tuple[str, str], bool] = Cache()


def exists(store: Store, account_id: str, kind: str, endpoint_id: str, deadline: Deadline) -> bool:
    """Whether the account has that endpoint; a yes is remembered for under a minute. Raises StoreError.

    `kind` is keys.INBOUND_ENDPOINT or keys.PULL_ENDPOINT.
    """
    place = keys.account(account_id), kind + endpoint_id
    if _there.get(place):
        return True
    since = timestamps.now().timestamp()
    there = store.get(*place, deadline, "pk") is not None
    if there:
        _there.put(place, there, since)
    return there


def inbound(store: Store, account_id: str, deadline: Deadline) -> Iterator[str]:
    """Ids of all inbound endpoints of the account. Raises StoreError."""
    items = store.query_all(
        deadline,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :kind)",
        ExpressionAttributeValues={
            ":pk": {"S": keys.account(account_id)},
            ":kind": {"S": keys.INBOUND_ENDPOINT},
        },
        ProjectionExpression="sk",
    )
    return (item["sk"]["S"].removeprefix(keys.INBOUND_ENDPOINT) for item in items)


def forget() -> None:
    """Empty the memory of endpoints that are there."""
    _there.clear()
