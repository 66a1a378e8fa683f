"""The console of a deployed stack hands requests on to its API, and keeps the key to itself."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import click
import pytest

from cli.console.proxy import Proxy, check_url
from tests.cli.browsing import HOST, ask
from tests.upstream import upstream as answering


class Upstream(BaseHTTPRequestHandler):
    """An API that tells what it was sent."""

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        sent = {
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(length).decode(),
        }
        body = json.dumps(sent).encode()
        self.send_response(409)
        for name, value in (
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("set-cookie", "a=b"),
            ("x-request-id", "req_1"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server has
        """Say nothing."""


@contextmanager
def upstream() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Upstream) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/prod"
        finally:
            server.shutdown()
            thread.join()


def test_the_proxy_hands_on_the_key_and_the_answer_and_logs_neither(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sent = {"authorization": "Bearer hb_live_secret", "idempotency-key": "k", "cookie": "c=1", "x-other": "1"}
    with upstream() as url:
        proxy = Proxy(url)
        answer = ask(proxy, "/v1/a%20b?auth=t0ken", "POST", HOST | sent, b"{}")
        refused = ask(proxy, "/v1/x", "POST", HOST | {"origin": "https://page.example"})
    assert (answer.status, answer.headers["x-request-id"]) == (409, "req_1")
    assert "set-cookie" not in answer.headers
    received = answer.json
    assert (received["path"], received["body"]) == ("/prod/v1/a%20b?auth=t0ken", "{}")
    assert received["headers"]["authorization"] == "Bearer hb_live_secret"
    assert received["headers"]["idempotency-key"] == "k"
    assert not {"cookie", "x-other"} & received["headers"].keys()
    assert refused.status == 403
    own = [record.getMessage() for record in caplog.records if record.name.startswith("cli")]
    assert own == ["POST /v1/a%20b 409", "POST /v1/x 403"]


def test_an_api_that_is_not_there_is_said_in_a_sentence() -> None:
    answer = ask(Proxy("http://127.0.0.1:9"), "/v1/deletions")
    assert answer.status == 502
    assert answer.json == {"message": "http://127.0.0.1:9 cannot be reached."}


def test_an_answer_that_is_none_is_said_to_be_so_with_what_is_wrong_in_a_word() -> None:
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{"
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
    with answering() as api:
        said = {}
        for sent in (begun, switched):
            api.sends(sent)
            answer = ask(Proxy(api.url), "/v1/deletions")
            said[answer.status, answer.json["message"]] = sent

    assert said == {
        (502, f"{api.url} could not be asked (ProtocolError)."): begun,
        (502, f"{api.url} gave no answer that a page can have."): switched,
    }


def test_a_header_that_no_page_can_be_sent_is_left_out() -> None:
    with answering() as api:
        api.sends(b"HTTP/1.1 200 OK\r\nx-request-id: a\x00b\r\nretry-after: 1\r\nContent-Length: 2\r\n\r\n{}")
        answer = ask(Proxy(api.url), "/v1/deletions")

    assert (answer.status, answer.json) == (200, {})
    assert answer.headers["retry-after"] == "1"
    assert "x-request-id" not in answer.headers


@pytest.mark.parametrize(
    "url", ["api.example", "ftp://api.example", "http://api.example", "https://a.b/?x=1"]
)
def test_a_key_is_sent_to_no_address_that_others_could_read_along_with(url: str) -> None:
    with pytest.raises(click.BadParameter):
        check_url(click.Context(click.Command("console")), click.Option(["--api"]), url)
