"""The replies of HookBridge's API: data/meta for a success, error/meta for a failure.

https://docs.hookbridge.io/ describes them.
"""

from typing import Any, NamedTuple

from expunge.errors import Refused, StoreError
from expunge.http.response import Response, response


class Answer(NamedTuple):
    """What a success carries; `error` (code and message) is that of a partial failure.

    `recorded` says that the deletion's record can answer a repetition, so that the answer need not be kept;
    `replayed`, that nothing was done, because it had been done before.
    """

    data: dict[str, Any]
    error: dict[str, str] | None = None
    recorded: bool = False
    replayed: bool = False


def success(result: Answer, request_id: str) -> Response:
    """Answer 200, also for a partial failure: what went wrong then stands beside what was done."""
    body: dict[str, Any] = {"data": result.data}
    if result.error is not None:
        body["error"] = result.error
    reply = response(200, {**body, "meta": {"request_id": request_id}}, request_id)
    if result.replayed:
        reply["headers"]["idempotent-replayed"] = "true"
    return reply


def failure(error: Exception, request_id: str) -> Response:
    """Answer with the refusal's status and code, or with 500 and what a caller may know of a failure."""
    status = error.status if isinstance(error, Refused) else 500
    body = {"error": explain(error), "meta": {"request_id": request_id}}
    return response(status, body, request_id)


def explain(error: Exception) -> dict[str, str]:
    """Say in a code and a sentence what a caller may know of an error."""
    if isinstance(error, Refused):
        return {"code": error.code, "message": error.message}
    message = "An internal error occurred"
    if isinstance(error, StoreError):
        message = f"Not finished: {error.reason}. Repeating the request is safe."
    return {"code": "INTERNAL_ERROR", "message": message}
