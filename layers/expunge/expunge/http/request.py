"""A request as API Gateway hands it over (HTTP API, payload format 2.0)."""

import json
import re
from base64 import b64decode
from collections.abc import Container
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from expunge.deadline import Context, Deadline
from expunge.errors import InvalidRequest

Event = dict[str, Any]

_HALF_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)


class Request:
    """What the endpoints read of an event and its context."""

    def __init__(self, event: Event, context: Context) -> None:
        self._event = event
        gateway_id = event.get("requestContext", {}).get("requestId") or context.aws_request_id
        self.id = "req_" + re.sub(r"[^A-Za-z0-9_-]", "-", gateway_id.replace("/", "_").rstrip("="))
        self.deadline = Deadline(context.get_remaining_time_in_millis)

    def header(self, name: str) -> str | None:
        """One header; `name` in lower case."""
        headers = {key.lower(): value for key, value in (self._event.get("headers") or {}).items()}
        return headers.get(name)

    def bearer(self) -> str | None:
        """The token of ``Authorization: Bearer``, the scheme in whatever case."""
        presented = _BEARER.fullmatch(self.header("authorization") or "")
        return presented[1] if presented else None

    def query(self, once: Container[str] = ()) -> dict[str, str]:
        """Decoded parameters; those of a repeated one are joined with commas, as the gateway joins them.

        Raises InvalidRequest for what is no percent-encoded UTF-8, and for a parameter that is repeated and
        may be given only `once`: joined, it could be taken for one value. Read from the raw query string and
        nowhere else: a filter that got lost would delete too much.
        """
        values: dict[str, list[str]] = {}
        raw = self._event["rawQueryString"]
        if _HALF_ENCODED.search(raw):
            raise InvalidRequest("the query must be percent-encoded UTF-8")
        try:
            pairs = parse_qsl(raw, keep_blank_values=True, errors="strict")
        except UnicodeError:
            raise InvalidRequest("the query must be percent-encoded UTF-8") from None
        for name, value in pairs:
            if name in values and name in once:
                raise InvalidRequest(f"{name} must be given only once")
            values.setdefault(name, []).append(value)
        return {name: ",".join(each) for name, each in values.items()}

    def raw_query(self) -> str:
        """The query as it was sent: encoded, in that order."""
        return str(self._event["rawQueryString"])

    def path(self, name: str) -> str:
        """One variable of the path."""
        return str(self._event["pathParameters"][name])

    def fingerprint(self) -> str:
        """Tell this request from others: by method, route, path, query (in whatever order) and body."""
        event = self._event
        parts = (
            event.get("requestContext", {}).get("http", {}).get("method"),
            event.get("routeKey"),
            event.get("rawPath"),
            sorted((event.get("pathParameters") or {}).items()),
            sorted(self.query().items()),
            event.get("body") or "",
            bool(event.get("isBase64Encoded")),
        )
        return sha256(json.dumps(parts).encode()).hexdigest()

    def body(self) -> bytes:
        """The body's bytes. Raises ValueError if the body is said to be base64 and is not."""
        text = self._event.get("body") or ""
        if self._event.get("isBase64Encoded"):
            return b64decode(text, validate=True)
        return str(text).encode(errors="surrogatepass")
