"""Events for whoever listens, as server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

import asyncio
import json
import re
import secrets
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus
from itertools import islice
from typing import Final, NamedTuple

from cli.gateway import Message, Receive, Send

HEARTBEAT: Final = 15
"""Seconds of silence after which a comment is sent, so that a connection that is gone is noticed."""

PATIENCE: Final = 10
"""Seconds that a reader may take to read what was sent. One that takes longer is dropped."""

HEADERS: Final = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]


class Event(NamedTuple):
    """An event as it was put on a bus; `detail` is JSON."""

    source: str
    detail_type: str
    detail: str


class Broadcast:
    """Remembers the last events, up to a number and a size, and sends them to any number of readers.

    All readers share what is remembered, so a slow one costs no memory. One that is so far behind that its
    next event is forgotten is dropped; it may come back with its ``Last-Event-ID`` for what is left.
    """

    def __init__(self, most: int = 1000, most_bytes: int = 16 * 1024 * 1024) -> None:
        self._most = most
        self._most_bytes = most_bytes
        # Ids of an earlier process mean nothing to this one.
        self._run = secrets.token_hex(4)
        self._frames: deque[bytes] = deque()
        self._size = 0
        self._first = 0
        self._news = asyncio.Event()
        self._closed = False

    @property
    def _end(self) -> int:
        """The number of the next event."""
        return self._first + len(self._frames)

    def put(self, event: Event) -> None:
        """Send an event to everyone."""
        written = json.dumps({"source": event.source, "detail-type": event.detail_type})
        data = f'{written[:-1]}, "detail": {json.dumps(json.loads(event.detail))}}}'
        frame = f"id: {self._run}-{self._end}\ndata: {data}\n\n".encode()
        self._frames.append(frame)
        self._size += len(frame)
        while len(self._frames) > self._most or self._size > self._most_bytes:
            self._size -= len(self._frames.popleft())
            self._first += 1
        self._tell()

    def close(self) -> None:
        """End all answers."""
        self._closed = True
        self._tell()

    async def answer(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request over ASGI, for as long as its sender listens and keeps up."""
        await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": HEADERS})
        gone = asyncio.create_task(_disconnected(receive))
        try:
            async for frames in self._follow(self._position(scope), gone):
                async with asyncio.timeout(PATIENCE):
                    await send({"type": "http.response.body", "body": frames, "more_body": True})
        except TimeoutError:
            pass  # it reads too slowly
        finally:
            gone.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await send({"type": "http.response.body", "body": b""})

    def _position(self, scope: Message) -> int:
        """The number of the first event to send: new ones, or those since the last one that was heard."""
        last = dict(scope["headers"]).get(b"last-event-id", b"").decode("latin-1")
        if not last:
            return self._end
        run, _, number = last.rpartition("-")
        if run != self._run or not re.fullmatch("[0-9]{1,18}", number):
            return self._first
        return min(max(self._first, int(number) + 1), self._end)

    async def _follow(self, position: int, gone: asyncio.Task[None]) -> AsyncIterator[bytes]:
        """Give what is to be sent, until the reader is gone or what it would need next is forgotten."""
        yield b": events of expunge, as they happen\n\n"
        while position >= self._first:
            frames = b"".join(islice(self._frames, position - self._first, position - self._first + 10))
            if frames:
                position = min(position + 10, self._end)
                yield frames
                continue
            if self._closed:
                return
            news = asyncio.create_task(self._news.wait())
            done, _ = await asyncio.wait((news, gone), timeout=HEARTBEAT, return_when="FIRST_COMPLETED")
            news.cancel()
            if gone in done:
                return
            if not done:
                yield b": still here\n\n"

    def _tell(self) -> None:
        """Wake everyone who waits."""
        self._news.set()
        self._news = asyncio.Event()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
