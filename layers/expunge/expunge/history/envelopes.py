"""The replies of PubNub's history API, which all have `status`, `error` and `error_message`.

https://www.pubnub.com/docs/sdks/rest-api/delete-message-history describes them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from expunge.errors import AccessDenied, Refused, StoreError
from expunge.http.response import Response, response


def success(_result: None, request_id: str) -> Response:
    """Answer 200: what is in range is deleted, or will be in the background."""
    return response(200, {"status": 200, "error": False, "error_message": ""}, request_id)


def failure(error: Exception, request_id: str) -> Response:
    """Answer with the status of a refusal, or with 500 for any other error.

    A refusal of permission says more, which PubNub's SDKs read: `message`, `service` and, where permission on
    channels is lacking, `payload` with these channels.
    """
    if not isinstance(error, Refused):
        message = "An internal error occurred"
        if isinstance(error, StoreError):
            message = f"Not finished: {error.reason}. Repeating the request is safe."
        return _failure(500, message, request_id)
    if not isinstance(error, AccessDenied):
        return _failure(error.status, error.message, request_id)
    more: dict[str, Any] = {"message": error.message, "service": "Access Manager"}
    if error.channels:
        more["payload"] = {"channels": list(error.channels)}
    return _failure(error.status, error.message, request_id, more)


def _failure(
    status: int, message: str, request_id: str, more: Mapping[str, Any] = MappingProxyType({})
) -> Response:
    body = {"status": status, "error": True, "error_message": message, **more}
    return response(status, body, request_id)
