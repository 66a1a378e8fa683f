"""Requests as API Gateway hands them over, and all that tells one from another."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from expunge.table.store import store
from tests.world import KEY, Context, Handler

Request = Mapping[str, Any]
"""`path`, `query` and `body`; the API key that is shown, `key`; `keys`, of which each time the next one is
the Idempotency-Key; and `named`, what the request names, which an answer may repeat."""

_numbered: list[int] = []
"""One entry a request."""


class Told(NamedTuple):
    """What a request is answered, but for its own id and what it names, and what it has the store do."""

    status: int
    headers: Mapping[str, str]
    body: str
    calls: list[tuple[str, Any]]
    """Operation and form of the arguments."""

    def same_answer(self, other: "Told") -> bool:
        """Whether nothing in the answers differs."""
        return self[:3] == other[:3]


def event_of(request: Request) -> dict[str, Any]:
    """Write it as API Gateway does, with an id that no other has."""
    _numbered.append(len(_numbered))
    headers = {"authorization": f"Bearer {request.get('key', KEY)}"}
    if "keys" in request:
        headers["idempotency-key"] = next(request["keys"])
    event = {
        "version": "2.0",
        "routeKey": request.get("route", ""),
        "rawQueryString": request.get("query", ""),
        "headers": headers,
        "requestContext": {"requestId": f"r{len(_numbered):08}"},
        "pathParameters": dict(request.get("path", {})),
        "isBase64Encoded": False,
    }
    return event | ({"body": request["body"]} if "body" in request else {})


def last_request() -> str:
    """The id of the request that was written last, as answers have it."""
    return f"req_r{len(_numbered):08}"


def ask(handler: Handler, request: Request) -> Told:
    """Make a request once, and look closely."""
    client: Any = store().client
    calls: list[tuple[str, Any]] = []
    make = client._make_api_call  # noqa: SLF001 - every call goes through it

    def note(operation: str, arguments: Any) -> Any:
        calls.append((operation, form(arguments)))
        return make(operation, arguments)

    client._make_api_call = note  # noqa: SLF001
    try:
        reply = handler(event_of(request), Context())
    finally:
        client._make_api_call = make  # noqa: SLF001
    headers = {name: value for name, value in reply["headers"].items() if name != "x-request-id"}
    body = reply["body"].replace(last_request(), "REQUEST")
    for each in (*request.get("path", {}).values(), request.get("named", "")):
        body = body.replace(each, "NAMED") if each else body
    return Told(reply["statusCode"], headers, body, calls)


def form(value: Any) -> Any:
    """What is said, without the ids, times and digests in it: of a text its length, of all else its type."""
    match value:
        case dict():
            return {name: form(each) for name, each in value.items()}
        case list() | tuple():
            return [form(each) for each in value]
        case str():
            return len(value)
    return type(value).__name__


def batch_of(*ids: str) -> dict[str, Any]:
    """The body of a request about these messages."""
    return {"body": json.dumps({"message_ids": ids}), "named": ids[0]}
