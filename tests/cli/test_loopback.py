"""Routes for programs of this machine refuse what a web page elsewhere could have a browser send."""

import asyncio
from typing import Any

import pytest

from cli.gateway import Message, Receive, Send
from cli.loopback import Loopback, refusal

Headers = list[tuple[bytes, bytes]]
HERE = (b"host", b"127.0.0.1:3000")


async def told(_scope: Message, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"told"})


async def behind(_scope: Message, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"behind"})


def request(method: str, path: str, headers: Headers, client: str = "127.0.0.1") -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "headers": headers, "client": (client, 50000)}


def ask(method: str, path: str, headers: Headers) -> tuple[int, bytes]:
    sent: list[Message] = []

    async def scenario() -> None:
        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        application = Loopback({("GET", "/events"): told, ("POST", "/records"): told}, behind)
        await application(request(method, path, headers), receive, send)

    asyncio.run(scenario())
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize(
    "headers",
    [
        [HERE],
        [(b"host", b"localhost:3000")],
        [(b"Host", b"LocalHost")],
        [(b"host", b"[::1]:3000")],
        [(b"host", b"[::1]")],
        [HERE, (b"origin", b"http://127.0.0.1:3000")],
        [HERE, (b"sec-fetch-site", b"same-origin")],
        [HERE, (b"sec-fetch-site", b"none")],
    ],
)
def test_a_program_of_this_machine_and_a_page_from_here_are_answered(headers: Headers) -> None:
    assert ask("POST", "/records", headers) == (200, b"told")
    assert ask("GET", "/events", headers) == (200, b"told")


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example",
        b"evil.example:3000",
        b"127.0.0.1.evil.example:3000",
        b"localhost.evil.example",
        b"evil.example#127.0.0.1:3000",
        b"127.0.0.1:3000@evil.example",
        b"127.0.0.1:",
        b"127.0.0.1:3000:3000",
        b"127.0.0.2:3000",
        b"172.17.0.1:3000",
        b"host.docker.internal:3000",
        b"::1",
        b"[::1]evil",
        b"0.0.0.0:3000",
        b"",
    ],
)
def test_another_host_name_is_refused_as_after_dns_rebinding(host: bytes) -> None:
    status, body = ask("GET", "/events", [(b"host", host), (b"sec-fetch-site", b"same-origin")])
    assert status == 403
    assert body == (
        b'{"message":"This route answers only to 127.0.0.1, localhost, [::1], on the machine itself."}'
    )


@pytest.mark.parametrize("headers", [[], [HERE, HERE], [HERE, (b"host", b"evil.example")]])
def test_a_request_without_one_host_name_is_refused(headers: Headers) -> None:
    assert ask("GET", "/events", headers)[0] == 403


@pytest.mark.parametrize(
    "header",
    [
        (b"origin", b"https://evil.example"),
        (b"origin", b"null"),
        (b"origin", b""),
        (b"origin", b"http://127.0.0.1:8080"),
        (b"origin", b"http://localhost:3000"),
        (b"origin", b"https://127.0.0.1:3000"),
        (b"sec-fetch-site", b"cross-site"),
        (b"sec-fetch-site", b"same-site"),
    ],
)
def test_a_page_of_another_origin_is_refused_whatever_it_sends(header: tuple[bytes, bytes]) -> None:
    simple = (b"content-type", b"text/plain")  # what a page may send without asking
    status, body = ask("POST", "/records", [HERE, simple, header])
    assert status == 403
    assert body == b'{"message":"This route does not answer to web pages of other origins."}'
    assert ask("GET", "/events", [HERE, header, (b"sec-fetch-mode", b"no-cors")])[0] == 403
    assert ask("OPTIONS", "/records", [HERE, header])[0] == 403


def test_another_machine_is_refused_even_if_it_says_localhost() -> None:
    assert refusal(request("GET", "/events", [HERE], client="192.0.2.7")) is not None
    assert refusal(request("GET", "/events", [HERE], client="::1")) is None


def test_another_method_is_refused_and_another_path_is_none_of_these_routes() -> None:
    assert ask("GET", "/records", [HERE])[0] == 405
    assert ask("GET", "/v1/deletions", [(b"host", b"evil.example")]) == (200, b"behind")
