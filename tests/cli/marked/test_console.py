"""A running `expunge console` hands keys on to the API alone, and neither says nor logs what it hands on."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest

from tests.cli.marked.asking import fetched, sent
from tests.cli.marked.records import bearer
from tests.cli.marked.test_failing_store import ANSWERS
from tests.cli.serving import EXPUNGE
from tests.marked.marks import MARKS, Heard
from tests.upstream import Upstream, answer, upstream

SAID = MARKS["provider's answer"]
SHOWN = bearer() | {
    "x-api-key": MARKS["API key"],
    "cookie": MARKS["header"],
    "user-agent": MARKS["header"],
    "content-type": "application/json",
    "idempotency-key": MARKS["idempotency key"],
}
QUERY = "&".join(
    f"{name}={quote(MARKS[mark])}"
    for name, mark in (
        ("auth", "auth key"),
        ("signature", "forged signature"),
        ("limit", "value of a parameter"),
    )
)
BODY = MARKS["body"]
OF_AN_API: dict[str, bytes] = {
    "headers that quote": answer(401, b"{}", Location=SAID, Set_Cookie=SAID, Server=SAID, X_Other=SAID),
    "an answer that is none": SAID.encode(),
    "a status that is none": f"HTTP/1.1 {SAID}\r\n\r\n".encode(),
    "a header that is none": f"HTTP/1.1 200 OK\r\n{SAID}\r\nx: y\r\n\r\n".encode(),
    "an end that comes too soon": f"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{SAID}".encode(),
    "parts that are none": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{SAID}\r\n".encode(),
    "what is not compressed": answer(200, SAID.encode(), Content_Encoding="gzip"),
    "no answer": b"",
}
PAGES = ("overview", "messages?family=inbound&state=live", "message?key=x", "deletions", "deletions/req_1")


@contextmanager
def console(api: str, store: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [*EXPUNGE, "console", "--port", "0", "--api", api, "--dynamodb-url", store]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1], process
        finally:
            process.kill()


@pytest.fixture
def api() -> Iterator[Upstream]:
    with upstream() as there:
        yield there


@pytest.fixture
def store() -> Iterator[Upstream]:
    with upstream() as there:
        yield there


def test_whatever_an_api_and_a_table_answer_no_page_and_no_line_of_the_log_quotes(
    api: Upstream, store: Upstream
) -> None:
    heard = Heard()
    with console(api.url, store.url) as (url, process):
        for said in OF_AN_API.values():
            api.sends(said)
            for method in ("GET", "POST", "DELETE"):
                heard.at("page", fetched(url, method, f"/v1/deletions?{QUERY}", SHOWN, BODY))
        for what in ("a refusal that quotes", "another server's page", "a header that is none"):
            store.sends(ANSWERS[what])
            for page in PAGES:
                heard.at("page", fetched(url, "GET", f"/console/{page}", SHOWN, ""))
        for line in (MARKS["header"], f"GET / HTTP/1.1\r\n{MARKS['header']}\r\nx: {MARKS['API key']}"):
            heard.at("page", sent(url, f"{line}\r\n\r\n"))
        process.terminate()
        out, log = process.communicate()
    heard.at("log", out + log)

    assert len(heard.texts["page"]) == 3 * len(OF_AN_API) + 3 * len(PAGES) + 2
    assert "POST /v1/deletions 401" in log
    assert all(MARKS["API key"] in asked.headers["authorization"] for asked in api.asked)
    assert heard.leaks(MARKS) == set()
