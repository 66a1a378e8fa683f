"""From a Lambda event to the logic of a webhook endpoint and back to an envelope."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, NamedTuple

from expunge import auth, envelopes, timestamps
from expunge.deadline import Context
from expunge.envelopes import Response
from expunge.errors import Forbidden, Refused, Unauthorized
from expunge.request import Event, Request
from expunge.settings import settings
from expunge.soft_delete import Deletion
from expunge.store import Store, store
from expunge.telemetry import logger


@dataclass(frozen=True, slots=True)
class Call:
    """An admitted request: who calls, the deletion it makes, the table it works on."""

    request: Request
    key: auth.ApiKey
    store: Store
    deletion: Deletion


class Answer(NamedTuple):
    """What a success carries; `error` is that of a partial failure."""

    data: dict[str, Any]
    error: dict[str, str] | None = None


Logic = Callable[[Call], Answer]
Handler = Callable[[Event, Context], Response]


def webhook_endpoint(*, scope: str) -> Callable[[Logic], Handler]:
    """Make a Lambda handler of the logic: authentication before anything else, one envelope after all."""

    def decorate(logic: Logic) -> Handler:
        @wraps(logic)
        def handler(event: Event, context: Context) -> Response:
            request = Request(event, context)
            with logger.append_context_keys(request_id=request.id):
                try:
                    answer = logic(_admit(request, scope))
                except Refused as refused:
                    logger.info("Refused", extra={"code": refused.code})
                    return envelopes.webhook_failure(refused, request.id)
                except Exception:
                    logger.exception("Failed")
                    return envelopes.webhook_internal_error(request.id)
                return envelopes.webhook_success(answer.data, answer.error, request.id)

        return handler

    return decorate


def _admit(request: Request, scope: str) -> Call:
    presented = request.bearer()
    key = auth.find(store(), presented, request.deadline) if presented else None
    if key is None or key.expired():
        raise Unauthorized("Invalid or missing API key")
    if not key.allows(scope):
        raise Forbidden(f"This API key lacks the scope {scope}")
    deletion = Deletion.of(request.id, key.key_id, timestamps.now(), settings().retention_days)
    return Call(request, key, store(), deletion)
