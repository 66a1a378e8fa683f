"""Which endpoints a customer's account has. What another account has does not exist here."""

from expunge import timestamps
from expunge.cache import Cache
from expunge.errors import EndpointNotFound, NotFound
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call
from expunge.table import keys
from expunge.webhooks.families import Family

_there: Cache[tuple[str, str], bool] = Cache()


def require_named_by_path(call: Call[ApiKey], family: Family, endpoint_id: str) -> None:
    """Raise NotFound unless the account has the endpoint that the path names; StoreError."""
    if not _exists(call, family, endpoint_id):
        raise NotFound("Pull endpoint not found")


def require_named_by_filter(call: Call[ApiKey], family: Family, endpoint_id: str) -> None:
    """Raise EndpointNotFound unless the account has the endpoint that a filter names; StoreError."""
    if not _exists(call, family, endpoint_id):
        raise EndpointNotFound("endpoint not found")


def _exists(call: Call[ApiKey], family: Family, endpoint_id: str) -> bool:
    """A yes is remembered for under a minute."""
    place = keys.account(call.caller.account_id), family.endpoint_kind + endpoint_id
    if _there.get(place):
        return True
    since = timestamps.now().timestamp()
    there = call.store.get(*place, call.request.deadline, "pk") is not None
    if there:
        _there.put(place, there, since)
    return there


def forget() -> None:
    """Empty the memory of endpoints that are there."""
    _there.clear()
