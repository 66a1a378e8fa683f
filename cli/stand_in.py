"""What lies outside of AWS's table and functions, on one machine: the providers and their keys.

It answers under paths of the API's own port, which no route has: so its address is known wherever the API's
is, in a container of `sam local invoke` too, and the functions reach it as they reach a provider, over HTTP.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import click

from cli.gateway import Message, Receive, Send
from cli.server import Application

PROVIDER: Final = "/_outside/provider"
PARAMETERS: Final = "/_outside/parameters"

KEY: Final = "expunge"
"""Every parameter's value: the key that is sent to a provider."""


class StandIn:
    """An ASGI application: a provider that says yes, a Parameter Store, and all else left to another one."""

    def __init__(self, behind: Application) -> None:
        self._behind = behind

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        answer = _answer(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if answer is None:
            await self._behind(scope, receive, send)
            return
        body = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _answer(method: str, path: str) -> dict[str, Any] | None:
    if method == "DELETE" and path.startswith(f"{PROVIDER}/api/v1/messages/"):
        return {"object": "MessageDeleted"}
    if method == "POST" and path.startswith(PARAMETERS):
        return {"Parameter": {"Value": KEY}}  # as SSM answers to GetParameter, whatever the name
    return None


def environment(api_url: str, provider_url: str | None, own: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which functions find this stand-in, or a provider of one's own."""
    base_url = provider_url or api_url + PROVIDER
    direct = f"{own.get('NO_PROXY', '')},127.0.0.1".lstrip(",")
    return {
        "AWS_ENDPOINT_URL_SSM": api_url + PARAMETERS,
        "WHATSAPP_BASE_URL": base_url,
        "LINKEDIN_BASE_URL": base_url,
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def check_url(_context: click.Context, _option: click.Parameter, url: str | None) -> str | None:
    """Click callback: an http or https URL."""
    if url is not None and not (url.startswith(("http://", "https://")) and urlsplit(url).hostname):
        raise click.BadParameter(f"{url!r} is not an http(s) URL.")
    return url
