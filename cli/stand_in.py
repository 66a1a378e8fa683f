"""Stands in, on one machine, for what functions call beside the table: providers, their keys and EventBridge.

It answers at the API's own port, under paths that no route has. So its address is known wherever the API's
is, also in a container of `sam local invoke`, and the functions reach it over HTTP, as they reach a provider.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import click

from cli.broadcast import Event
from cli.events import Response
from cli.gateway import Message, Receive, Send, read_body, write_response
from cli.server import Application
from cli.urls import parts_of

PROVIDER: Final = "/_outside/provider"
PARAMETERS: Final = "/_outside/parameters"
EVENTS: Final = "/_outside/events"

KEY: Final = "expunge"
"""Every parameter's value: the key that is sent to a provider."""


class StandIn:
    """An ASGI application: a provider that says yes, a Parameter Store, and an EventBridge.

    `heard` is called with each event. All other requests are left to the application behind.
    """

    def __init__(self, behind: Application, heard: Callable[[Event], None]) -> None:
        self._behind = behind
        self._heard = heard

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        answer = None
        if scope["type"] == "http":
            answer = _answer(scope["method"], scope["path"])
            if answer is None and _puts_events(scope):
                answer = self._put(await read_body(receive))
        if answer is None:
            await self._behind(scope, receive, send)
            return
        await write_response(
            send, Response(HTTPStatus.OK, [("content-type", "application/json")], json.dumps(answer).encode())
        )

    def _put(self, body: bytes | None) -> dict[str, Any]:
        """Hand events on, and answer as EventBridge does to PutEvents."""
        entries = json.loads(body or b"{}")["Entries"]
        for entry in entries:
            self._heard(Event(entry["Source"], entry["DetailType"], entry["Detail"]))
        return {"FailedEntryCount": 0, "Entries": [{"EventId": str(uuid.uuid4())} for _ in entries]}


def _answer(method: str, path: str) -> dict[str, Any] | None:
    if method == "DELETE" and path.startswith(f"{PROVIDER}/api/v1/messages/"):
        return {"object": "MessageDeleted"}
    if method == "POST" and path.startswith(PARAMETERS):
        return {"Parameter": {"Value": KEY}}  # as SSM answers to GetParameter, whatever the name
    return None


def _puts_events(scope: Message) -> bool:
    """Whether an SDK puts events. No page in a browser can: its requests say where they come from."""
    headers = dict(scope["headers"])
    return (
        (scope["method"], scope["path"].rstrip("/")) == ("POST", EVENTS)
        and headers.get(b"x-amz-target") == b"AWSEvents.PutEvents"
        and b"origin" not in headers
    )


def environment(api_url: str, provider_url: str | None, own: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which functions find this stand-in, or a provider of one's own."""
    base_url = provider_url or api_url + PROVIDER
    direct = f"{own.get('NO_PROXY', '')},127.0.0.1".lstrip(",")
    return {
        "AWS_ENDPOINT_URL_SSM": api_url + PARAMETERS,
        "AWS_ENDPOINT_URL_EVENTBRIDGE": api_url + EVENTS,
        "WHATSAPP_BASE_URL": base_url,
        "LINKEDIN_BASE_URL": base_url,
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def check_url(_context: click.Context, _option: click.Parameter, url: str | None) -> str | None:
    """Click callback: an http or https URL."""
    if url is not None and parts_of(url) is None:
        raise click.BadParameter(f"{url!r} is not an http(s) URL.")
    return url
