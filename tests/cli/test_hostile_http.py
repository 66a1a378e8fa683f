"""What comes over HTTP to make two readers of one request disagree, or to write into the log."""

import asyncio
import errno
import logging
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection

from cli.gateway import Gateway, Message
from cli.log import Printable
from cli.server import listen, serve

POST = b"POST /v1/x HTTP/1.1\r\nHost: a\r\n"
LAST = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
"""A second request: what is answered tells whether it was taken for one, for a body or not at all."""

REQUESTS = {
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}", [400]),
    "two lengths in one": (POST + b"Content-Length: 2, 60\r\n\r\n{}", [400]),
    "a length twice": (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", [404, 200]),
    "a length with a sign": (POST + b"Content-Length: +2\r\n\r\n{}", [400]),
    "a length below zero": (POST + b"Content-Length: -2\r\n\r\n{}", [400]),
    "a hexadecimal length": (POST + b"Content-Length: 0x2\r\n\r\n{}", [400]),
    "chunks and a length": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [400],
    ),
    "a length and chunks": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        [400],
    ),
    "chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", [404, 200]),
    "chunks twice": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [501],
    ),
    "another coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", [501]),
    "a blank before a colon": (POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", [400]),
    "a header on two lines": (POST + b"X-A: a\r\n b\r\nContent-Length: 2\r\n\r\n{}", [404, 200]),
    "a NUL in a header": (POST + b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\n{}", [400]),
    "half an end of line": (POST + b"X-A: a\rX-B: b\r\nContent-Length: 2\r\n\r\n{}", [400]),
    "a header's name": (POST + b"X-\xff: a\r\nContent-Length: 2\r\n\r\n{}", [400]),
    "a long header": (POST + b"X-A: " + b"a" * 200_000 + b"\r\nContent-Length: 2\r\n\r\n{}", [431]),
    "a long path": (b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", [431]),
    "a path": (b"GET /v1/\xff HTTP/1.1\r\nHost: a\r\n\r\n", [400]),
    "an escape in a path": (b"GET /v1/\x1b[31m HTTP/1.1\r\nHost: a\r\n\r\n", [400]),
    "an escape in a method": (b"G\x1bT /v1/x HTTP/1.1\r\nHost: a\r\n\r\n", [400]),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", [400]),
    "two hosts": (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", [400]),
}


def test_a_request_that_can_be_read_in_two_ways_is_refused_with_all_that_follows() -> None:
    sent = [raw + LAST for raw, _ in REQUESTS.values()]

    statuses = [re.findall(rb"HTTP/1\.1 (\d+)", answer) for answer in answers_to(*sent)]

    assert {name: [int(each) for each in found] for name, found in zip(REQUESTS, statuses, strict=True)} == {
        name: expected for name, (_, expected) in REQUESTS.items()
    }


@pytest.mark.parametrize(
    ("path", "query"),
    [(b"/health\x1b[31m", b""), (b"/health\n", b""), (b"/v1/x", b"\xff=1"), (b"/v1/x", b"a\x00")],
)
def test_a_target_that_no_url_has_is_refused_over_http_2(path: bytes, query: bytes) -> None:
    scope = {
        "type": "http",
        "http_version": "2",
        "method": "GET",
        "raw_path": path,
        "query_string": query,
        "headers": [],
        "client": ("127.0.0.1", 1),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Gateway({})(scope, receive, send))

    assert [sent[0]["status"], sent[1]["body"]] == [400, b'{"message":"Bad Request"}']


def test_a_connection_that_fails_is_logged_without_what_came_in(caplog: pytest.LogCaptureFixture) -> None:
    client = H2Connection(H2Configuration(validate_outbound_headers=False, header_encoding=None))
    client.initiate_connection()
    target = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/\xff")]
    client.send_headers(1, [*target, (b"authorization", b"Bearer secret")], end_stream=True)

    answers_to(client.data_to_send(), until=lambda: bool(caplog.messages))

    assert caplog.messages == ["Unhandled exception in client_connected_cb: ExceptionGroup"]
    assert caplog.records[0].exc_info is None


def test_nothing_that_was_sent_ends_a_line_of_the_log_or_colours_it() -> None:
    sent = "GET /\x1b[31m\x9b\r\n12:00:00 GET /forged 200\u202e é"
    record = logging.LogRecord("cli", logging.INFO, "", 0, "%s 404", (sent,), None)

    line = Printable().format(record)

    assert line.endswith(r" GET /\x1b[31m\x9b\r\n12:00:00 GET /forged 200\u202e é 404")


def test_a_traceback_keeps_its_lines_and_none_of_the_error_s_words() -> None:
    with pytest.raises(ValueError, match="red") as raised:
        int("\x1b[31mred")
    info: Any = (raised.type, raised.value, raised.tb)
    record = logging.LogRecord("cli", logging.ERROR, "", 0, "failed", None, info)

    first, *_, last = Printable().format(record).split("\n")

    assert first.endswith(" failed")
    assert last == "builtins.ValueError"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "secret", "secret"), "OSError: No space left on device"),
        (KeyError("secret"), "KeyError"),
    ],
)
def test_what_a_library_failed_of_is_logged_by_its_kind(error: Exception, kind: str) -> None:
    lines = [("failed to save %s: %s", ("secret", error)), (error, None)]

    filled, itself = [
        Printable().format(logging.LogRecord("library", logging.ERROR, "", 0, *line, None)) for line in lines
    ]

    assert filled.endswith(f" failed to save %s: %s ({kind})")
    assert itself.endswith(f" {kind}")
    assert "secret" not in filled + itself


def answers_to(*requests: bytes, until: Callable[[], bool] = lambda: True) -> list[bytes]:
    """Send each to a gateway without functions, on a connection of its own; give all that came back."""

    async def scenario() -> list[bytes]:
        listener = listen(0, "--port")
        port = listener.getsockname()[1]
        server = asyncio.create_task(serve(Gateway({}), [listener], {}))
        answers = await asyncio.gather(*(asyncio.to_thread(exchange, port, each) for each in requests))
        while not until():  # noqa: ASYNC110 - what is waited for is a line of the log
            await asyncio.sleep(0.01)
        server.cancel()
        return answers

    return asyncio.run(scenario())


def exchange(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        try:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65_536), b""))
        except ConnectionError:
            return b""
