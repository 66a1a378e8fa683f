"""The console's pages and what they ask for, as an ASGI application in front of the API."""

import asyncio
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, Final

from cli.console import assets, reference, table
from cli.console.answers import guarded, refused, told
from cli.events import Request, Response
from cli.gateway import Message, Receive, Send, read_body, request_of, write_response
from cli.loopback import refusal
from cli.server import Application
from expunge.table.store import Store

_PAGES: Final = ("/", "/docs", "/openapi.json")
_ABOUT: Final = "/console/about"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the pages must know of the service that they are in front of."""

    api: str
    """Its address, to show."""
    deployed: bool = False
    demo: bool = False
    """Whether the demo records are there; then forms are filled in with their key and ids."""

    def told(self, *, with_table: bool) -> dict[str, Any]:
        """Tell it to the pages, as JSON."""
        return {
            "version": version("expunge"),
            "api": self.api,
            "deployed": self.deployed,
            "table": with_table,
            "api_key": reference.API_KEY if self.demo else None,
        }


class Console:
    """An ASGI application: the pages under paths of their own, and all else left to the API behind.

    They are answered to this machine's user alone. Without a store, there are no paths that read the table.
    """

    def __init__(self, behind: Application, about: About, store: Store | None) -> None:
        self._behind = behind
        self._about = about
        self._store = store

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        if scope["type"] != "http" or not _is_ours(scope["path"]):
            await self._behind(scope, receive, send)
            return
        try:
            body = await read_body(receive)
        except ConnectionError:
            return
        sentence = _refusal(scope)
        if sentence is not None:
            response = refused(403, sentence)
        elif body is None:
            response = refused(413, "The body of the request is too large.")
        else:
            response = await asyncio.to_thread(self._answer, request_of(scope, body))
        if scope["method"] == "HEAD":
            response = replace(response, body=b"")
        await write_response(send, guarded(response))

    def _answer(self, request: Request) -> Response:
        if request.path.startswith("/console/") and request.path != _ABOUT:
            if self._store is None:
                return refused(404, "The table is not known here: start with --dynamodb-url and --table.")
            return table.answer(self._store, request)
        if request.method not in ("GET", "HEAD"):
            return refused(405, "Only GET and HEAD are answered here.")
        if request.path == _ABOUT:
            return told(self._about.told(with_table=self._store is not None))
        if request.path == "/openapi.json":
            return told(reference.contract(demo=self._about.demo))
        return assets.page(request.path) or refused(404, "There is nothing under this path.")


def _is_ours(path: str) -> bool:
    return path in _PAGES or path.startswith(("/assets/", "/console/"))


def _refusal(scope: Message) -> str | None:
    """Say why a request is refused, such as one from a page of another origin; None if it is not.

    A person may follow a link from there to one of our pages, because the page with the link cannot read it.
    """
    headers = dict(scope["headers"])
    followed = (headers.get(b"sec-fetch-mode"), headers.get(b"sec-fetch-dest")) == (b"navigate", b"document")
    if followed and scope["path"] in _PAGES:
        kept = [header for header in scope["headers"] if header[0] != b"sec-fetch-site"]
        return refusal({**scope, "headers": kept})
    return refusal(scope)
