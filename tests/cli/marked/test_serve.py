"""A running `expunge serve` says, logs and keeps secrets and contents only where it is meant to."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from cli.template import functions
from tests.cli.marked.asking import fetched, sent
from tests.cli.marked.records import BAD_LINES, RECORDS, bearer, file_of
from tests.cli.test_serve import serving
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
        with serving(*options, *purging, "--provider-url", provider.url) as served:
            for request in requests():
                heard.at("reply", fetched(served.url, *request))
            for line in (MARKS["header"], f"GET / HTTP/1.1\r\n{MARKS['header']}\r\nx: {MARKS['API key']}"):
                heard.at("reply", sent(served.url, f"{line}\r\n\r\n"))
            heard.at("log", "".join(served.greeting))
            heard.at("log", served.stop()[1])
    for path in data.rglob("*"):
        if path.is_file():
            heard.at("files of serve", path.read_bytes())

    assert heard.leaks(MARKS) == set()
    assert {place for _, place, _ in heard.unheard(MARKS)} <= {"reply"}


Sent = tuple[str, str, dict[str, str], str]


def requests() -> Iterator[Sent]:
    """Requests of every route, good and bad, with marks wherever they can be."""
    marked = {"cookie": MARKS["header"], "user-agent": MARKS["header"]}
    value = quote(MARKS["value of a parameter"])
    path = {"message_id": LINKED, "id": PULL, "sub_key": SUB_KEY, "channels": "ch", "request_id": "req_1"}
    yield "POST", "/records", marked, "\n".join(BAD_LINES)
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
