"""The replies: nothing else writes one."""

import json
from typing import TYPE_CHECKING, Any

from expunge.errors import AccessDenied, Refused

if TYPE_CHECKING:
    # One function of many answers with it; the others do not load the catalogue.
    from expunge.problems import Problem

Response = dict[str, Any]


def _response(status: int, body: dict[str, Any], request_id: str) -> Response:
    return {
        "statusCode": status,
        "headers": {
            "content-type": "application/json",
            "cache-control": "no-store",
            "x-request-id": request_id,
        },
        "body": json.dumps(body, separators=(",", ":")),
    }


def webhook_success(data: dict[str, Any], error: dict[str, str] | None, request_id: str) -> Response:
    """Answer 200 with data/meta, and with what went wrong beside them on a partial failure."""
    body: dict[str, Any] = {"data": data}
    if error is not None:
        body["error"] = error
    return _response(200, {**body, "meta": {"request_id": request_id}}, request_id)


def webhook_failure(refused: Refused, request_id: str) -> Response:
    """Answer with error/meta."""
    error = {"code": refused.code, "message": refused.message}
    return _response(refused.status, {"error": error, "meta": {"request_id": request_id}}, request_id)


def webhook_internal_error(request_id: str) -> Response:
    """Answer 500; what happened is in the log under the request id."""
    error = {"code": "INTERNAL_ERROR", "message": "An internal error occurred"}
    return _response(500, {"error": error, "meta": {"request_id": request_id}}, request_id)


def message_deleted(request_id: str) -> Response:
    """Answer 200 as document 003 has it."""
    return _response(200, {"object": "MessageDeleted"}, request_id)


def problem(what: "Problem", request_id: str) -> Response:
    """Answer with title/detail/instance/type/status, and say when to come back if that is known."""
    body = {
        "title": what.title,
        "detail": what.detail,
        "instance": request_id,
        "type": what.type,
        "status": what.status,
    }
    response = _response(what.status, body, request_id)
    if what.retry_after is not None:
        response["headers"]["retry-after"] = str(what.retry_after)
    return response


def history_deleted(request_id: str) -> Response:
    """Answer 200 as document 004 has it."""
    return _response(200, {"status": 200, "error": False, "error_message": ""}, request_id)


def history_failure(refused: Refused, request_id: str) -> Response:
    """Answer with status/error/error_message; a refusal of the Access Manager says more to PubNub's SDKs."""
    body: dict[str, Any] = {"status": refused.status, "error": True, "error_message": refused.message}
    if isinstance(refused, AccessDenied):
        body |= {"message": refused.message, "service": "Access Manager"}
        if refused.channels:
            body["payload"] = {"channels": list(refused.channels)}
    return _response(refused.status, body, request_id)


def history_internal_error(request_id: str) -> Response:
    """Answer 500; what happened is in the log under the request id."""
    body = {"status": 500, "error": True, "error_message": "An internal error occurred"}
    return _response(500, body, request_id)
