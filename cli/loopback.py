"""Routes that are for programs of this machine, and not for web pages that its browsers show.

A page elsewhere can have a browser send requests here. If it sends them under its own host name, which it has
let point to this machine (DNS rebinding), the request names that host; if it sends them to this machine's
name, the browser says that they come from elsewhere. Both are refused.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final

from cli.events import Response
from cli.gateway import Message, Receive, Send, log, write_response
from cli.server import Application

NAMES: Final = ("127.0.0.1", "localhost", "[::1]")

Answer = Callable[[Message, Receive, Send], Awaitable[None]]


class Loopback:
    """An ASGI application: these routes, by method and path, and all other paths left to another one."""

    def __init__(self, routes: Mapping[tuple[str, str], Answer], behind: Application) -> None:
        self._routes = routes
        self._paths = {path for _, path in routes}
        self._behind = behind

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        if scope["type"] != "http" or scope["path"] not in self._paths:
            await self._behind(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]

        async def logged(message: Message) -> None:
            if message["type"] == "http.response.start":
                log.info("%s %s %d", method, path, message["status"])
            await send(message)

        sentence = refusal(scope)
        if sentence is not None:
            await write_response(logged, Response.message(HTTPStatus.FORBIDDEN, sentence))
        elif (method, path) in self._routes:
            await self._routes[method, path](scope, receive, logged)
        else:
            response = Response.message(HTTPStatus.METHOD_NOT_ALLOWED, "Method Not Allowed")
            await write_response(logged, response)


def refusal(scope: Message) -> str | None:
    """Say why a request is refused; None if it comes from this machine, and from no foreign page."""
    headers: dict[bytes, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.lower(), []).append(value.decode("latin-1").lower())
    hosts = headers.get(b"host", [])
    if len(hosts) != 1 or not _is_loopback(hosts[0]) or not ip_address(scope["client"][0]).is_loopback:
        return f"This route answers only to {', '.join(NAMES)}, on the machine itself."
    origins = headers.get(b"origin", [])
    sites = headers.get(b"sec-fetch-site", [])
    if set(origins) - {f"http://{hosts[0]}"} or set(sites) - {"same-origin", "none"}:
        return "This route does not answer to web pages of other origins."
    return None


def _is_loopback(host: str) -> bool:
    """Whether a Host header names this machine, with any port or none."""
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not colon:
        return host in NAMES
    return name in NAMES and port.isdecimal()
