"""Who may call PostPress's endpoint: whoever shows an API key that has the scope."""

from collections.abc import Callable

from expunge.http import auth
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call
from expunge.http.request import Request
from expunge.problems import Problem
from expunge.table.store import store


def key_with(scope: str) -> Callable[[Request], Call[ApiKey]]:
    """Admit requests that show a key with that scope. It raises Problem, StoreError."""

    def admit(request: Request) -> Call[ApiKey]:
        presented = (request.header("x-api-key") or "").strip() or request.bearer()
        if presented is None:
            raise Problem("missing_credentials", "Send an API key in the header X-API-KEY")
        key = auth.find(store(), presented, request.deadline)
        if key is None:
            raise Problem("invalid_credentials", "This API key is unknown or revoked")
        if key.expired():
            raise Problem("expired_credentials", "This API key has expired")
        if not key.allows(scope):
            raise Problem("insufficient_privileges", f"This API key lacks the scope {scope}")
        return Call(request, key, store())

    return admit
