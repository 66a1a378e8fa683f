"""Who may call HookBridge's endpoints: whoever shows an API key that has the scope."""

from collections.abc import Callable

from expunge.errors import Forbidden, Unauthorized
from expunge.http import auth
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call
from expunge.http.request import Request
from expunge.table.store import store


def key_with(scope: str | None) -> Callable[[Request], Call[ApiKey]]:
    """Admit requests that show a key with that scope; None where the scope depends on what is asked for.

    It raises Unauthorized, Forbidden, StoreError.
    """

    def admit(request: Request) -> Call[ApiKey]:
        presented = request.bearer()
        key = auth.find(store(), presented, request.deadline) if presented else None
        if key is None or key.expired():
            raise Unauthorized("Invalid or missing API key")
        if scope is not None and not key.allows(scope):
            raise Forbidden(f"This API key lacks the scope {scope}")
        return Call(request, key, store())

    return admit
