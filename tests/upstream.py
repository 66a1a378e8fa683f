"""A provider of linked accounts under a test's control: a real server on loopback, byte for byte."""

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPMessage, parse_headers
from typing import Any

Reaction = Callable[[socket.socket], object]


@dataclass
class Asked:
    """A request as it came in."""

    line: str
    headers: HTTPMessage


@dataclass
class Upstream:
    """Answers every request as `reaction` says, and remembers it."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    reaction: Reaction = lambda connection: connection.sendall(answer(200))
    closing: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def says(self, status: int, body: Any = None, **headers: str) -> None:
        """Answer with JSON from now on."""
        self.sends(answer(status, body, **headers))

    def sends(self, answer: bytes) -> None:
        """Send these bytes and hang up."""
        self.reaction = lambda connection: connection.sendall(answer)

    def hangs(self, *, after: bytes = b"") -> None:
        """Send these bytes, then nothing until the test is over."""

        def reaction(connection: socket.socket) -> None:
            connection.sendall(after)
            self.closing.wait()

        self.reaction = reaction

    def drips(self, answer: bytes) -> None:
        """Send byte by byte, each soon enough not to be missed, until the test is over."""

        def reaction(connection: socket.socket) -> None:
            for byte in answer:
                connection.sendall(bytes([byte]))
                if self.closing.wait(0.05):
                    return

        self.reaction = reaction


def answer(status: int, body: Any = None, **headers: str) -> bytes:
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


@contextmanager
def upstream(tls: ssl.SSLContext | None = None) -> Iterator[Upstream]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline().decode().strip()
            there.asked.append(Asked(line, parse_headers(self.rfile)))
            there.arrived.release()
            with suppress(OSError):  # whoever asked does not listen any more
                there.reaction(self.connection)

    class Server(socketserver.ThreadingTCPServer):
        def get_request(self) -> tuple[socket.socket, Any]:
            connection, address = self.socket.accept()
            return (tls.wrap_socket(connection, server_side=True) if tls else connection), address

        def handle_error(self, _request: Any, _address: Any) -> None:
            """Say nothing: a client that hangs up is what many tests are about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        port = server.server_address[1]
        there = Upstream(f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield there
        finally:
            there.closing.set()
            server.shutdown()
