"""Requests over HTTP, good and bad, and all that comes back."""

import http.client
import socket
from contextlib import closing
from urllib.parse import urlsplit


def fetched(url: str, method: str, target: str, headers: dict[str, str], body: str) -> bytes:
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.request(method, target, body.encode() or None, headers)
        with connection.getresponse() as response:
            return str(response.headers).encode() + response.read()


def sent(url: str, raw: str) -> bytes:
    """Send bytes that are no request, and give the beginning of what comes back."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(raw.encode())
        return connection.recv(65536)
