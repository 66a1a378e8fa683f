"""Commands and pages print secrets and contents only where that is what they are for; see tests/marks.py."""

import gzip
import http.client
import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

import delete_inbound_messages
from cli.console.application import About, Console
from cli.main import run
from cli.template import functions
from expunge.settings import settings
from expunge.table import keys
from expunge.table.store import key
from tests.cli.browsing import HOST, api, ask
from tests.cli.test_serve import serving
from tests.marks import MARKS, Heard
from tests.upstream import upstream
from tests.world import ACCOUNT, INBOUND, LINKED, OUTBOUND, PULL, SUB_KEY, World, at, call, message_id

AWS = ("--dynamodb-url", "aws")
CONTENT = {MARKS["name in a payload"]: [MARKS["payload"]]}
OWNED = {"account_id": ACCOUNT}
GOOD: list[dict[str, Any]] = [
    {"kind": "api_key", "key": MARKS["API key"], **OWNED},
    {"kind": "inbound_endpoint", "id": INBOUND, **OWNED},
    {"kind": "pull_endpoint", "id": PULL, **OWNED},
    {"kind": "outbound_endpoint", "id": OUTBOUND, **OWNED},
    {"kind": "linked_account", "id": "la_1", "provider": "WHATSAPP", **OWNED},
    {
        "kind": "keyset",
        "sub_key": SUB_KEY,
        "pub_key": "pub-c-1",
        "secret_key": MARKS["secret key"],
        "access_manager": True,
        "delete_from_history": True,
    },
    {
        "kind": "auth_grant",
        "sub_key": SUB_KEY,
        "auth_key": MARKS["auth key"],
        "channels": ["ch"],
        "permissions": ["delete"],
    },
]
MESSAGES: list[dict[str, Any]] = [
    {
        "kind": "inbound_message",
        "id": message_id(1),
        "inbound_endpoint_id": INBOUND,
        "status": "succeeded",
        "received_at": at(1),
        **OWNED,
    },
    {
        "kind": "pull_event",
        "id": message_id(2),
        "pull_endpoint_id": PULL,
        "event_type": "a",
        "status": "stored",
        "received_at": at(2),
        **OWNED,
    },
    {
        "kind": "outbound_message",
        "id": message_id(3),
        "endpoint_id": OUTBOUND,
        "status": "succeeded",
        "created_at": at(3),
        **OWNED,
    },
    {
        "kind": "linked_message",
        "id": LINKED,
        "linked_account_id": "la_1",
        "provider_message_id": "wamid.1",
        "sent_at": at(4),
        **OWNED,
    },
    {"kind": "channel_message", "sub_key": SUB_KEY, "channel": "ch", "timetoken": "7"},
]
RECORDS = [*GOOD, *(message | {"payload": CONTENT} for message in MESSAGES)]

BAD, NAME = MARKS["bad line"], MARKS["name in a bad line"]
FREE = ("event_type", "channel")
"""Fields that any text may be in."""
BAD_LINES = [
    *(
        json.dumps(record | {field: {"x": BAD}})
        for record in RECORDS
        for field in record
        if field != "payload"
    ),
    *(json.dumps(each | {field: BAD}) for each in MESSAGES for field in each if field not in FREE),
    *(json.dumps(record | {NAME: BAD}) for record in RECORDS),
    *(json.dumps(message | {"payload": CONTENT, "content_url": BAD}) for message in MESSAGES),
    json.dumps([BAD]),
    json.dumps({"secret_key": BAD}),
    f'{{"key": "{BAD}',
    BAD,
]


@pytest.fixture
def heard(capsys: pytest.CaptureFixture[str]) -> Callable[..., Heard]:
    """Runs commands, and hears what they print at the place that is named like the first word of each."""
    heard = Heard()

    def after(*commands: Sequence[str]) -> Heard:
        for command in commands:
            settings.cache_clear()
            run([*command, *(() if "--to-import" in command else AWS)])
            heard.at(command[0], "\n".join(capsys.readouterr()))
        settings.cache_clear()
        return heard

    return after


def file_of(folder: Path, lines: Sequence[str]) -> str:
    path = folder / "records.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


@pytest.mark.usefixtures("world")
def test_no_command_but_dump_prints_contents_and_none_prints_what_it_was_not_given(
    heard: Callable[..., Heard], tmp_path: Path
) -> None:
    good = file_of(tmp_path, [json.dumps(record) for record in RECORDS])
    heard(("load", good), ("load", good))
    request = call(delete_inbound_messages.handler, headers=bearer()).headers["x-request-id"]

    found = heard(
        ("dump",),
        ("dump", "--format", "table"),
        ("dump", "--settings"),
        ("check", "--mend"),
        ("deletions",),
        ("deletions", request),
        ("restore", request),
        ("hold", "place", "--account", ACCOUNT, "--reason", "a trial"),
        ("hold", "list"),
        ("purge", "--dry-run"),
        ("purge", "--now", "2999-01-01T00:00:00Z", "--force"),
        ("purge", "status"),
        ("purge", "history"),
        ("key", "create", "--account", ACCOUNT),
        ("key", "list"),
        ("key", "revoke", MARKS["API key"]),
        ("token", "--sub-key", SUB_KEY, "--channel", "ch", "--permission", "delete", "--ttl", "5"),
    )

    assert found.leaks(MARKS) == set()
    assert {place for _, place, _ in found.unheard(MARKS)} <= {"load"}


def test_a_bad_line_is_told_without_what_it_holds(
    world: World, heard: Callable[..., Heard], tmp_path: Path
) -> None:
    del world
    for first in range(0, len(BAD_LINES), 15):
        path = file_of(tmp_path, BAD_LINES[first : first + 15])
        heard(("load", path), ("load", path, "--to-import", str(tmp_path / str(first))))
    found = heard()

    assert found.leaks(MARKS) == set()
    assert found.unheard(MARKS) == set()


def test_files_to_import_hold_what_the_table_holds(heard: Callable[..., Heard], tmp_path: Path) -> None:
    path = file_of(tmp_path, [json.dumps(record) for record in RECORDS])
    found = heard(("load", path, "--to-import", str(tmp_path / "import")))
    for part in (tmp_path / "import").iterdir():
        found.at("files to import", gzip.decompress(part.read_bytes()))

    assert found.leaks(MARKS) == set()
    assert {place for _, place, _ in found.unheard(MARKS)} <= {"load"}


def test_records_that_others_have_spoilt_are_told_without_what_they_hold(
    world: World, heard: Callable[..., Heard]
) -> None:
    text = {"S": MARKS["payload"]}
    spoilt: dict[str, Any] = {
        **{name: {"L": [text]} for name in ("kind", "id", "status", "received_at", "account_id", "payload")},
        **dict.fromkeys(("state_pk", "state_sk", MARKS["payload"]), text),
    }
    for number, (name, value) in enumerate(spoilt.items()):
        world.message(number, payload=CONTENT)
        for sk in (keys.MESSAGE, keys.CONTENT):
            world.store.client.update_item(
                TableName=world.store.table,
                Key=key(keys.message("INBOUND", ACCOUNT, message_id(number)), sk),
                UpdateExpression="SET #name = :spoilt",
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues={":spoilt": value},
            )

    found = heard(("check",), ("check", "--mend"), ("deletions",), ("purge", "--dry-run"), ("hold", "list"))

    assert found.leaks(MARKS) == set()


def test_a_page_shows_contents_in_the_view_of_one_message_alone(world: World) -> None:
    world.load(*RECORDS)
    request = call(delete_inbound_messages.handler, headers=bearer()).headers["x-request-id"]
    console = Console(api, About(api="http://127.0.0.1:3000"), world.store)
    headers = HOST | bearer() | {"cookie": MARKS["header"], "content-type": "application/json"}
    wrong = quote(MARKS["value of a parameter"])
    listed = "/console/messages?family=inbound&state=live"
    heard = Heard()
    for target in (
        *("/", "/docs", "/openapi.json", "/console/about", "/console/overview", "/console/holds"),
        *("/console/purge", "/console/deletions", f"/console/deletions/{request}"),
        *(listed.replace("inbound", each) for each in FAMILIES),
        *(f"{listed}&{name}={wrong}" for name in ("cursor", "family", "state")),
        f"/console/message?key={wrong}",
    ):
        heard.at("page", ask(console, target, headers=headers).body)
    body = MARKS["body"]
    for each in (body, json.dumps([body]), json.dumps({"message_ids": [{"x": body}]})):
        answered = ask(console, f"/console/deletions/{request}/restore", "POST", headers, each.encode())
        heard.at("page", answered.body)
    message = quote(keys.message("OUTBOUND", ACCOUNT, message_id(3)))
    heard.at("console: a message", ask(console, f"/console/message?key={message}", headers=headers).body)

    assert heard.leaks(MARKS) == set()
    assert heard.unheard(MARKS) == set()


FAMILIES = ("inbound", "pull", "outbound", "linked", "channel")


def bearer(name: str = "API key") -> dict[str, str]:
    return {"authorization": f"Bearer {MARKS[name]}"}


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
