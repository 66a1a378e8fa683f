"""The replies of HookBridge's API: data/meta for a success, error/meta for a failure."""

from typing import Any, NamedTuple

from expunge.errors import Refused, StoreError
from expunge.http.response import Response, response


class Answer(NamedTuple):
    """What a success carries; `error` (code and message) is that of a partial failure."""

    data: dict[str, Any]
    error: dict[str, str] | None = None


def success(result: Answer, request_id: str) -> Response:
    """Answer 200, also for a partial failure: what went wrong then stands beside what was done."""
    body: dict[str, Any] = {"data": result.data}
    if result.error is not None:
        body["error"] = result.error
    return response(200, {**body, "meta": {"request_id": request_id}}, request_id)


def failure(error: Exception, request_id: str) -> Response:
    """Answer with the refusal's status and code, or with 500 and what a caller may know of a failure."""
    if isinstance(error, Refused):
        status, code, message = error.status, error.code, error.message
    else:
        status, code, message = 500, "INTERNAL_ERROR", "An internal error occurred"
        if isinstance(error, StoreError):
            message = f"Not finished: {error.reason}. Repeating the request is safe."
    body = {"error": {"code": code, "message": message}, "meta": {"request_id": request_id}}
    return response(status, body, request_id)
