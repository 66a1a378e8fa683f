"""Requests over ASGI, as a browser makes them, and an API behind the console."""

import asyncio
import json
from typing import Any

from cli.events import Response
from cli.gateway import Message, Receive, Send, write_response

HOST = {"host": "127.0.0.1:3000"}


class Answered:
    """What came back."""

    def __init__(self, sent: list[Message]) -> None:
        self.status = sent[0]["status"]
        self.headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        self.body: bytes = sent[1]["body"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    application: Any,
    target: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> Answered:
    path, _, query = target.partition("?")
    given = HOST if headers is None else headers
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 50000),
        "http_version": "1.1",
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(application(scope, receive, send))
    return Answered(sent)


async def api(_scope: Message, _receive: Receive, send: Send) -> None:
    await write_response(send, Response.message(404, "the API"))
