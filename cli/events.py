"""Makes events for Lambda of HTTP requests, and HTTP responses of replies: payload format 2.0 of HTTP APIs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
describes it.
"""

import base64
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from cli.routes import Match, decode

Headers = list[tuple[str, str]]

ACCOUNT: Final = "000000000000"
API: Final = "expunge"

_TEXT: Final = re.compile(r"text/.*|application/(json|xml|javascript)")
"""Content types whose body arrives as text. All others arrive as base64, as does a body without one: that of
a form (what curl sends unless told otherwise) too."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_HOP_BY_HOP: Final = {"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"}


class MalformedReplyError(Exception):
    """The function's reply cannot be made an HTTP response."""


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as it was sent: path and query still percent-encoded, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    source_ip: str
    protocol: str = "HTTP/1.1"
    id: str = field(default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(11)).decode())
    time: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    headers: Headers
    body: bytes

    @classmethod
    def message(cls, status: int, message: str) -> "Response":
        """Answer as the gateway itself does: with a `message` in JSON."""
        return cls(status, [("content-type", "application/json")], f'{{"message":"{message}"}}'.encode())


def event_of(request: Request, match: Match) -> dict[str, Any]:
    """Make the event that API Gateway makes of a request. What a request lacks is left out."""
    headers = _joined(request.headers)
    cookies = headers.pop("cookie", None)
    path = decode(request.path)
    domain = headers.get("host", "").partition(":")[0]
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.route_key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API,
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": request.protocol,
                "sourceIp": request.source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request.id,
            "routeKey": match.route_key,
            "stage": "$default",
            "time": f"{request.time:%d/%b/%Y:%H:%M:%S %z}",
            "timeEpoch": int(request.time.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies is not None:
        event["cookies"] = [cookie.strip() for cookie in re.split("[;,]", cookies)]
    if request.query:
        event["queryStringParameters"] = _joined(parse_qsl(request.query, keep_blank_values=True))
    if match.path_parameters:
        event["pathParameters"] = match.path_parameters
    if request.body:
        event["body"], event["isBase64Encoded"] = _body(request.body, headers.get("content-type", ""))
    return event


def _joined(pairs: Headers) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: ",".join(each) for name, each in values.items()}


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    if _TEXT.fullmatch(content_type.partition(";")[0].strip().lower()):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def response_of(reply: Any) -> Response:
    """Make the HTTP response that API Gateway makes of a function's reply. Raises MalformedReplyError."""
    try:
        if not isinstance(reply, dict) or "statusCode" not in reply:
            text = reply if isinstance(reply, str) else json.dumps(reply)
            return Response(200, [("content-type", "application/json")], text.encode())
        return Response(_status(reply["statusCode"]), _headers(reply), _content(reply))
    except (AttributeError, TypeError, ValueError) as error:
        raise MalformedReplyError from error


def _status(value: Any) -> int:
    status = int(value)
    if not 200 <= status <= 599:  # noqa: PLR2004 - what HTTP knows as final statuses
        raise ValueError("no HTTP status")
    return status


def _headers(reply: dict[str, Any]) -> Headers:
    headers = [(_name(name), _value(value)) for name, value in (reply.get("headers") or {}).items()]
    headers = [(name, value) for name, value in headers if name not in _HOP_BY_HOP]
    if "content-type" not in dict(headers):
        headers.append(("content-type", "text/plain;charset=UTF-8"))
    return headers + [("set-cookie", _value(cookie)) for cookie in reply.get("cookies") or []]


def _name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError("no header name")
    return name.lower()


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if not (text.isprintable() and text.isascii()):
        raise ValueError("no header value")
    return text.strip()


def _content(reply: dict[str, Any]) -> bytes:
    body = reply.get("body") or ""
    if reply.get("isBase64Encoded"):
        return base64.b64decode(body, validate=True)
    content: bytes = body.encode()
    return content
