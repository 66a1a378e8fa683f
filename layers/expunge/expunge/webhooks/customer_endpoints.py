"""Which endpoints a customer's account has. What another account has does not exist here."""

from expunge import timestamps
from expunge.cache import Cache
from expunge.deadline import Deadline
from expunge.table import keys
from expunge.table.store import Store

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


def forget() -> None:
    """Empty the memory of endpoints that are there."""
    _there.clear()
