"""The replies: nothing else writes one."""

import json
from typing import Any

from expunge.errors import Refused

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
