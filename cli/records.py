"""`POST /records`: takes records as the queue does in AWS, and stores them by the same function."""

import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from typing import Any, Final

from cli.events import Response
from cli.gateway import TOO_LARGE, Message, Receive, Send, read_body, write_response
from cli.invoke import EventTooLargeError, InvocationError

FUNCTION: Final = "StoreRecordsFunction"

LINES: Final = 500
BYTES: Final = 200_000
"""A body is divided into messages of the queue with so many lines and bytes at most. A line with more bytes
is a message of its own."""

_NOT_STORED: Final = "Not everything was stored. Sending the same again is safe."
_NO_TEXT: Final = "The body must be JSON lines in UTF-8."

Invoke = Callable[[Any], Awaitable[Any]]


class NotStoredError(Exception):
    """Some records may not have been stored, although nothing is wrong with them."""


class RecordsIn:
    """Answers with how many records were stored, and which lines were not, and why."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def answer(self, _scope: Message, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        try:
            body = await read_body(receive)
        except ConnectionError:
            return
        await write_response(send, TOO_LARGE if body is None else await self._stored(body))

    async def _stored(self, body: bytes) -> Response:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return Response.message(HTTPStatus.BAD_REQUEST, _NO_TEXT)
        result = _Result()
        try:
            for part in _parts(text):
                await self._store(part, result)
        except NotStoredError:
            return Response.message(HTTPStatus.SERVICE_UNAVAILABLE, _NOT_STORED)
        content = {"stored": result.stored, "rejected": result.rejected}
        headers = [("content-type", "application/json")]
        return Response(HTTPStatus.OK, headers, json.dumps(content).encode())

    async def _store(self, part: "_Part", result: "_Result") -> None:
        """Store the lines of a part. Raises NotStoredError.

        The function fails a message that has bad lines, whether its good ones are stored or not. So they are
        sent once more without the bad ones: that does no harm, and they are counted once.
        """
        stored, bad = await self._send(part)
        for line, reason in bad.items():
            result.reject(part.first + line - 1, reason)
        part.lines = ["" if at in bad else line for at, line in enumerate(part.lines, start=1)]
        if bad and any(line.strip() for line in part.lines):
            again, bad = await self._send(part)
            stored = max(stored, again)
            if bad:
                raise NotStoredError
        result.stored += stored

    async def _send(self, part: "_Part") -> tuple[int, dict[int, str]]:
        """Have the function store a part. Return how many records it stored, and why which lines are bad.

        Lines are numbered from 1. Raises NotStoredError.
        """
        event = {"Records": [_message("\n".join(part.lines))]}
        try:
            answer = await self._invoke(event)
        except EventTooLargeError:
            return 0, {1: "the record is too large for the queue"}
        except InvocationError as error:
            raise NotStoredError from error
        bad = {each["line"]: each["reason"] for each in answer["rejected"]}
        if answer["batchItemFailures"] and not bad:
            raise NotStoredError
        return answer["stored"], bad


@dataclass
class _Part:
    """Some lines of a body, and the number of the first of them."""

    first: int
    lines: list[str]


@dataclass
class _Result:
    stored: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)

    def reject(self, line: int, reason: str) -> None:
        self.rejected.append({"line": line, "reason": reason})


def _parts(text: str) -> Iterator[_Part]:
    lines = iter(text.split("\n"))
    part = _Part(1, list(islice(lines, 1)))
    size = len(part.lines[0].encode())
    for line in lines:
        more = len(line.encode()) + 1
        if len(part.lines) == LINES or size + more > BYTES:
            yield part
            part, size = _Part(part.first + len(part.lines), []), 0
        part.lines.append(line)
        size += more
    if part.first == 1 or any(line.strip() for line in part.lines):
        yield part


def _message(body: str) -> dict[str, Any]:
    """A message of the queue as a function gets it; its `body` is what counts."""
    return {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "",
        "body": body,
        "attributes": {},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:records",
        "awsRegion": "us-east-1",
    }
