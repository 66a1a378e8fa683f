"""Hands requests of the console's pages on to the API of a deployed stack.

So the pages call no other origin than their own. Nothing of a request is kept, and nothing but its method,
path and status is logged.
"""

import asyncio
import logging
import ssl
from http import HTTPStatus
from typing import Final

import click
import urllib3
from urllib3 import exceptions

from cli.console.answers import guarded, refused
from cli.events import Request, Response
from cli.gateway import Message, Receive, Send, read_body, request_of, write_response
from cli.loopback import refusal
from cli.urls import parts_of

_SENT: Final = ("accept", "authorization", "content-type", "idempotency-key", "x-api-key")
_RETURNED: Final = ("content-type", "idempotent-replayed", "retry-after", "x-request-id", "apigw-requestid")

_TIMEOUT: Final = urllib3.Timeout(connect=5, read=35)
"""Seconds. API Gateway gives a function half a minute."""

log = logging.getLogger(__name__)


class Proxy:
    """An ASGI application that hands requests on to an API and its answers back, redirects too."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(
            maxsize=8, retries=False, timeout=_TIMEOUT, ssl_context=ssl.create_default_context()
        )

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Speak ASGI; refuse WebSockets."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        if scope["type"] != "http":
            return
        try:
            body = await read_body(receive)
        except ConnectionError:
            return
        request = request_of(scope, body or b"")
        sentence = refusal(scope)
        if sentence is not None:
            response = refused(403, sentence)
        elif body is None:
            response = refused(413, "The body of the request is too large.")
        else:
            response = await asyncio.to_thread(self._ask, request)
        await write_response(send, guarded(response))
        log.info("%s %s %d", request.method, request.path, response.status)

    def _ask(self, request: Request) -> Response:
        url = f"{self._url}{request.path}" + (f"?{request.query}" if request.query else "")
        headers = {name: value for name, value in request.headers if name in _SENT}
        try:
            reply = self._pool.request(
                request.method, url, body=request.body or None, headers=headers, redirect=False
            )
        except Exception as error:  # of an answer that is none, the libraries make errors of many kinds
            return refused(502, f"{self._url} {_shortcoming(error)}.")
        if reply.status < HTTPStatus.OK:
            return refused(502, f"{self._url} gave no answer that a page can have.")
        given = [(name, reply.headers[name]) for name in _RETURNED if name in reply.headers]
        # The server would refuse to send another one, and with it the whole answer.
        kept = [(name, value) for name, value in given if value.isprintable()]
        return Response(reply.status, kept, reply.data)


def _shortcoming(error: Exception) -> str:
    match error:
        case exceptions.SSLError():
            return "has a certificate that is not trusted"
        case exceptions.NewConnectionError() | exceptions.NameResolutionError():
            return "cannot be reached"
        case exceptions.TimeoutError():
            return "did not answer in time"
    return f"could not be asked ({type(error).__name__})"


def check_url(_context: click.Context, _option: click.Parameter, url: str) -> str:
    """Click callback: an https URL, or an http one of this machine, because an API key is sent there."""
    parts = parts_of(url)
    if parts is None or parts.query or parts.fragment:
        raise click.BadParameter(f"{url!r} is not the URL of an API, such as the stack's output ApiUrl.")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise click.BadParameter(f"{url!r} would be sent API keys that anyone could read: give an https URL.")
    return url.rstrip("/")
