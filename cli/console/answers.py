"""Answers for a browser, with headers that guard it against what pages hold and against other origins."""

import json
from dataclasses import replace
from typing import Any, Final

from cli.events import Headers, Response

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_GUARDS: Final[Headers] = [
    ("cache-control", "no-store"),
    ("content-security-policy", POLICY),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
]


def told(value: Any, status: int = 200) -> Response:
    """Answer in JSON."""
    return Response(status, [("content-type", "application/json")], json.dumps(value).encode())


def refused(status: int, sentence: str) -> Response:
    """Say what is wrong, in the form in which API Gateway says it."""
    return told({"message": sentence}, status)


def guarded(response: Response) -> Response:
    """Add the headers that guard the browser, but for those that the response sets itself."""
    own = {name for name, _ in response.headers}
    return replace(
        response, headers=[*response.headers, *(guard for guard in _GUARDS if guard[0] not in own)]
    )
