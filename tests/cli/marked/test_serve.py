"""A running `expunge serve` says, logs and keeps secrets and contents only where it is meant to."""

import http.client
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from cli.template import functions
from tests.cli.marked.asking import fetched, sent
from tests.cli.marked.records import BAD_LINES, RECORDS, bearer, file_of
from tests.cli.marked.test_failing_store import ANSWERS
from tests.cli.serving import ANY_PORTS, EXPUNGE, Served, serving
from tests.marked.marks import MARKS, Heard
from tests.upstream import upstream
from tests.world import LINKED, PULL, SUB_KEY, message_id


@pytest.mark.slow
def test_a_running_service_tells_no_more_than_it_may(tmp_path: Path) -> None:
    records = file_of(tmp_path, [json.dumps(record) for record in RECORDS])
    data = tmp_path / "data"
    heard = Heard()
    said = MARKS["provider's answer"]
    with upstream() as provider:
        provider.sends(f"HTTP/1.1 200 {said}\r\n{said}\r\n\r\n".encode())
        options = ("--no-demo", "--verbose", "--load", records, "--data", str(data))
        purging = ("--purge-every", "1", "--retention-days", "0")
        with (
            serving(*options, *purging, "--provider-url", provider.url) as served,
            listening(served.url) as events,
        ):
            for request in requests():
                heard.at("reply", fetched(served.url, *request))
            engine = url_of_the_engine(served)
            for url in (served.url, engine):
                for line in (
                    MARKS["header"],
                    f"GET / HTTP/1.1\r\n{MARKS['header']}\r\nx: {MARKS['API key']}",
                ):
                    heard.at("reply", sent(url, f"{line}\r\n\r\n"))
            for body in BODIES_OF_THE_ENGINE:
                fetched(engine, "POST", "/", OF_THE_ENGINE, body)  # which may tell who asks what was asked
            heard.at("events", until_all_is_told(events))
            heard.at("log", "".join(served.greeting))
            heard.at("log", served.stop()[1])
            heard.at("events", events.read())
    for path in data.rglob("*"):
        if path.is_file():
            heard.at("files of serve", path.read_bytes())

    assert heard.leaks(MARKS) == set()
    assert {place for _, place, _ in heard.unheard(MARKS)} <= {"reply"}


@pytest.mark.slow
@pytest.mark.parametrize("what", ["a refusal that quotes", "another server's page", "an answer that is none"])
def test_a_service_that_its_table_refuses_says_so_without_what_is_quoted(what: str) -> None:
    heard = Heard()
    with upstream() as table:
        table.sends(ANSWERS[what])
        done = subprocess.run(  # noqa: S603 - nothing in it comes from outside
            [*EXPUNGE, "serve", *ANY_PORTS, "--dynamodb-url", table.url],
            capture_output=True,
            text=True,
            check=False,
        )
    heard.at("log", done.stderr)

    assert (done.returncode, done.stdout) == (1, "")
    assert heard.leaks(MARKS) == set()


@contextmanager
def listening(url: str) -> Iterator[http.client.HTTPResponse]:
    """Hear the events of a service from now on."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.request("GET", "/events", headers=SHOWN | {"last-event-id": MARKS["header"]})
        with connection.getresponse() as response:
            yield response


def until_all_is_told(events: http.client.HTTPResponse) -> str:
    """Read on until one of each of these was heard."""
    heard = str(events.headers)
    while not all(
        each in heard for each in ("Messages Deleted", "Messages Purged", "Channel History Deleted")
    ):
        heard += events.readline().decode()
    return heard


def url_of_the_engine(served: Served) -> str:
    [url] = re.findall(r"DynamoDB listens on (\S+)", "".join(served.greeting))
    return str(url)


SHOWN = bearer() | {"cookie": MARKS["header"], "user-agent": MARKS["header"]}
OF_THE_ENGINE = SHOWN | {
    "x-amz-target": "DynamoDB_20120810.Scan",
    "content-type": "application/x-amz-json-1.0",
}
BODIES_OF_THE_ENGINE = (
    MARKS["body"],
    json.dumps([MARKS["body"]]),
    json.dumps({"TableName": MARKS["body"]}),
    json.dumps({"TableName": "expunge", "Limit": MARKS["body"]}),
    json.dumps({"TableName": "expunge", "FilterExpression": f"{MARKS['body']} ("}),
    json.dumps(
        {"TableName": "expunge", "FilterExpression": "a < :b", "ExpressionAttributeValues": MARKS["body"]}
    ),
)

Sent = tuple[str, str, dict[str, str], str]


def requests() -> Iterator[Sent]:
    """Requests of every route, good and bad, with marks wherever they can be."""
    marked = {"cookie": MARKS["header"], "user-agent": MARKS["header"]}
    value = quote(MARKS["value of a parameter"])
    path = {"message_id": LINKED, "id": PULL, "sub_key": SUB_KEY, "channels": "ch", "request_id": "req_1"}
    yield "POST", "/records", marked, "\n".join(BAD_LINES)
    yield "POST", "/events", SHOWN, MARKS["body"]
    puts = {"x-amz-target": "AWSEvents.PutEvents"}
    event = {"Source": "", "DetailType": "", "Detail": MARKS["body"]}
    spoilt: list[Any] = [MARKS["body"], {}, [{}], [event]]
    for entries in spoilt:
        yield "POST", "/_outside/events", SHOWN | puts, json.dumps({"Entries": entries})
    for page in (
        "overview",
        "messages?family=inbound&state=bin",
        f"message?key={value}",
        "deletions",
        "holds",
    ):
        yield "GET", f"/console/{page}", SHOWN, ""
    for method, route in (route for function in functions() for route in function.routes):
        target = route.format(**path | {"event_id": message_id(2)})
        body = json.dumps({"message_ids": [message_id(1)]}) if "batch" in route else ""
        for name in ("unknown API key", "API key"):
            headers = bearer(name) | {"x-api-key": MARKS[name]} | marked
            yield method, f"{target}?limit={value}&auth={value}&signature={value}", headers, body
            yield method, target, headers, MARKS["body"]
            yield method, target, headers | {"idempotency-key": MARKS["idempotency key"]}, body
    for name in ("unknown auth key", "auth key"):
        yield "DELETE", target_of_history(MARKS[name]), marked, ""


def target_of_history(auth_key: str) -> str:
    return f"/v3/history/sub-key/{SUB_KEY}/channel/ch?auth={auth_key}"
