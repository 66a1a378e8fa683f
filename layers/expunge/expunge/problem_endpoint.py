"""From a Lambda event to the logic of document 003 and back to its envelopes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from expunge import auth, envelopes
from expunge.deadline import Context
from expunge.envelopes import Response
from expunge.errors import StoreError
from expunge.problems import Problem
from expunge.request import Event, Request
from expunge.store import Store, store
from expunge.telemetry import logger


@dataclass(frozen=True, slots=True)
class Call:
    """An admitted request: who calls, and the table it works on."""

    request: Request
    key: auth.ApiKey
    store: Store


Logic = Callable[[Call], None]
Handler = Callable[[Event, Context], Response]


def problem_endpoint(*, scope: str) -> Callable[[Logic], Handler]:
    """Make a Lambda handler of the logic: authentication first, a problem for all that fails."""

    def decorate(logic: Logic) -> Handler:
        @wraps(logic)
        def handler(event: Event, context: Context) -> Response:
            request = Request(event, context)
            with logger.append_context_keys(request_id=request.id):
                try:
                    logic(_admit(request, scope))
                except Exception as error:
                    return envelopes.problem(_problem(error), request.id)
                return envelopes.message_deleted(request.id)

        return handler

    return decorate


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        logger.info("Refused", extra={"type": error.type})
        return error
    logger.exception("Failed")
    if isinstance(error, StoreError):
        return Problem("service_unavailable", f"Not finished: {error.reason}. Repeating the request is safe")
    return Problem("unexpected_error", "The service failed; its log says more under the request's id")


def _admit(request: Request, scope: str) -> Call:
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
