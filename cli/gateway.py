"""API Gateway on one machine: an HTTP request goes in, and a function's reply comes out."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Final

from cli import cors
from cli.events import MalformedReplyError, Request, Response, event_of, response_of
from cli.invoke import EventTooLargeError, InvocationError, Invoker
from cli.outcome import outcome
from cli.routes import Match, Routes
from cli.template import NO_CORS, Cors

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_LIMIT: Final = 10 * 1024 * 1024
"""Bytes of a request's body that API Gateway takes."""

log = logging.getLogger(__name__)


class Gateway:
    """An ASGI application. Answers ``GET /health`` itself and leaves the rest to the functions."""

    def __init__(self, invokers: Mapping[str, Invoker], browsers: Cors = NO_CORS) -> None:
        self._invokers = invokers
        self._cors = browsers
        self._routes = Routes(invoker.function for invoker in invokers.values())
        self._running: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Speak ASGI; refuse WebSockets, have nothing to do at start-up."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        if scope["type"] != "http":
            return
        started = time.monotonic()
        if not is_plain(scope):
            await write_response(send, refused(scope))
            log.info("%s 400, because it can be read in two ways", scope["method"])
            return
        try:
            body = await read_body(receive)
        except ConnectionError:
            return
        request = request_of(scope, body or b"")
        response = await self._answer(request, too_large=body is None)
        await write_response(send, response, request.id)
        took = (time.monotonic() - started) * 1000
        # No query string: it may hold a token or a signature.
        did = outcome(request.method, response)
        log.info("%s %s %d %.0f ms%s", request.method, request.path, response.status, took, did)

    async def close(self) -> None:
        """End all sandboxes that are not at work."""
        for invoker in self._invokers.values():
            await invoker.close()

    async def _answer(self, request: Request, *, too_large: bool) -> Response:
        match = self._routes.match(request.method, request.path)
        preflight = cors.preflight(self._cors, request) if match is None else None
        if preflight is not None:
            return preflight
        response = TOO_LARGE if too_large else await self._respond(request, match)
        return cors.admit(self._cors, request, response)

    async def _respond(self, request: Request, match: Match | None) -> Response:
        if (request.method, request.path) == ("GET", "/health"):
            return Response(200, [("content-type", "application/json")], b'{"status":"ok"}')
        if match is None:
            return Response.message(404, "Not Found")
        # A client that hangs up does not end the invocation, as in AWS.
        invocation = asyncio.create_task(self._invoke(request, match))
        self._running.add(invocation)
        invocation.add_done_callback(self._running.discard)
        return await asyncio.shield(invocation)

    async def _invoke(self, request: Request, match: Match) -> Response:
        try:
            return response_of(await self._invokers[match.function.name].invoke(event_of(request, match)))
        except EventTooLargeError:
            return TOO_LARGE
        except InvocationError as error:
            log.warning("%s gave no reply: %s", match.function.name, error)
        except MalformedReplyError:
            log.warning("%s gave a reply that is no HTTP response", match.function.name)
        return Response.message(500, "Internal Server Error")


TOO_LARGE: Final = Response.message(413, "Request Entity Too Large")


def is_plain(scope: Message) -> bool:
    """Whether all servers read the same request out of it, so that none can be smuggled past one of them.

    Over HTTP/2 a target may hold characters that no URL has. Over HTTP/1.1 a body may come with two headers,
    Content-Length and Transfer-Encoding, that disagree on where it ends.
    """
    target = scope["raw_path"] + scope["query_string"]
    ends = {name.lower() for name, _ in scope["headers"]} & {b"content-length", b"transfer-encoding"}
    return re.fullmatch(rb"[!-~]*", target) is not None and len(ends) < 2  # noqa: PLR2004 - both of them


def refused(scope: Message) -> Response:
    """Answer 400, and take nothing more from a connection of HTTP/1.1: what follows may be half a body."""
    response = Response.message(HTTPStatus.BAD_REQUEST, "Bad Request")
    if scope["http_version"].startswith("1"):
        response.headers.append(("connection", "close"))
    return response


async def read_body(receive: Receive) -> bytes | None:
    """Read the whole body; None if it is too large, once all of it has come in.

    Raises ConnectionError if the client hung up before that: half a request is none.
    """
    body = bytearray()
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= BODY_LIMIT:
            body += chunk
        more = message.get("more_body", False)
    return bytes(body) if size <= BODY_LIMIT else None


def request_of(scope: Message, body: bytes) -> Request:
    """Read an HTTP request from what ASGI says of it."""
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("ascii"),
        query=scope["query_string"].decode("ascii"),
        headers=[(name.decode("ascii").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
        body=body,
        source_ip=scope["client"][0],
        protocol=f"HTTP/{scope['http_version']}",
    )


async def write_response(send: Send, response: Response, request_id: str | None = None) -> None:
    """Send a whole response; if it is the gateway's, with the gateway's request id."""
    headers = [*response.headers, *([("apigw-requestid", request_id)] if request_id else [])]
    if response.status != HTTPStatus.NO_CONTENT:  # whose length HTTP wants left out
        headers.append(("content-length", str(len(response.body))))
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers],
        }
    )
    await send({"type": "http.response.body", "body": response.body})
