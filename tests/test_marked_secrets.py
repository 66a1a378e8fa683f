"""Whatever the functions take in, secrets and contents come out only where they are meant to.

Each is marked, driven through every endpoint and function, in success and in what goes wrong, and then
searched for in all that comes out. What may come out where, is one table in tests/marks.py.
"""

import importlib
import json
import time
import zlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import partial
from hashlib import md5, sha1, sha256, sha512
from itertools import count
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.exceptions import ClientError, HTTPClientError
from botocore.parsers import ResponseParserError
from moto import mock_aws

import publish_deletions
import purge
import store_records
import work
from cli.dynamodb import create_table
from cli.template import functions
from expunge import settings
from expunge.deletions import emptying, purging
from expunge.errors import InvalidRequest
from expunge.history import access, signatures, tokens
from expunge.http import auth
from expunge.http.request import Request
from expunge.linked import provider_keys
from expunge.table import keys
from expunge.table.store import CLIENT_CONFIG, Store
from expunge.telemetry import logger
from tests.bucket import NAME, Bucket, may_delete_from, s3
from tests.disturbances import intercept
from tests.functions.spread import WORKERS, Queue
from tests.marks import MARKS, Form, Heard
from tests.stream import Bus, changed, read_stream
from tests.upstream import Upstream, upstream
from tests.world import (
    ACCOUNT,
    INBOUND,
    LINKED,
    PULL,
    SUB_KEY,
    Context,
    Reply,
    World,
    call,
    message_id,
)

pytestmark = pytest.mark.moto("it needs a stream, a queue, a bucket and parameters as well")

ROUTES = {
    f"{method} {path}": importlib.import_module(function.module).handler
    for function in functions()
    for method, path in function.routes
}
HISTORY = "DELETE /v3/history/sub-key/{sub_key}/channel/{channels}"
OUTBOUND_OR_LINKED = "DELETE /v1/messages/{message_id}"
PATH = {
    "message_id": message_id(21),
    "event_id": message_id(11),
    "id": PULL,
    "request_id": "req_1",
    "sub_key": SUB_KEY,
    "channels": "ch",
}
CONTENT = {MARKS["name in a payload"]: [MARKS["payload"]]}
KEYS: Mapping[str, Mapping[str, Any]] = {
    "API key": {},
    "revoked API key": {},
    "expired API key": {"expires_at": "2020-01-01T00:00:00Z"},
    "API key without scopes": {"scopes": []},
}


class Service:
    """The service with marked records, and all that is heard of it."""

    def __init__(self, world: World, provider: Upstream, bus: Bus, logged: Callable[[], str]) -> None:
        self.world = world
        self.provider = provider
        self.bus = bus
        self.logged = logged
        self.heard = Heard()
        self.marks = dict(MARKS)
        self.work = Queue()
        self.bucket = Bucket(s3())

    def fill(self) -> None:
        """Store the records that are not there."""
        world = self.world
        for name, fields in KEYS.items():
            world.api_key(MARKS[name], **fields)
        world.inbound_endpoint()
        world.pull_endpoint()
        world.outbound_endpoint()
        world.linked_account()
        self.bucket.s3.put_object(Bucket=NAME, Key="object", Body=MARKS["object in S3"])
        named = keys.message("INBOUND", ACCOUNT, world.message(1))
        world.name_content(named, f"s3://{NAME}/object")
        for number in range(2, 6):
            world.message(number, payload=CONTENT)
            world.event(9 + number, payload=CONTENT)
            world.outbound_message(19 + number, payload=CONTENT)
        world.linked_message(payload=CONTENT)
        world.keyset(access_manager=True, secret_key=MARKS["secret key"])
        world.auth_grant(MARKS["auth key"], "ch")
        world.channel_messages("ch", 1, 2, payload=CONTENT)

    def call(self, route: str, key: str = "API key", **request: Any) -> Reply:
        """Make a request that nothing is remembered for, with marks in the headers too."""
        auth.forget()
        access.forget()
        headers = {
            "authorization": f"Bearer {MARKS[key]}",
            "x-api-key": MARKS[key],
            "cookie": MARKS["header"],
            "user-agent": MARKS["header"],
            **request.pop("headers", {}),
        }
        path = PATH | request.pop("path", {})
        reply = call(ROUTES[route], route=route, path=path, headers=headers, **request)
        self.heard.at("reply", [reply.headers, reply.body])
        return reply

    def invoke(self, handler: Callable[[Any, Any], Any], event: Any) -> Any:
        """Have a function do what nobody waits for. Lambda logs the words of what it raises."""
        try:
            answer = handler(event, Context())
        except Exception as error:
            self.heard.at("log", f"{type(error).__name__}: {error}")
            return None
        self.heard.at("reply", answer)
        return answer

    def publish(self) -> None:
        """Bring what is in the stream, and nothing of it twice, to the function that publishes it."""
        records = read_stream("expunge")
        self.invoke(publish_deletions.handler, {"Records": records})
        self.heard.at("event", self.bus.events)

    def look_around(self) -> None:
        """Hear what lies about: the table and its contents, the work queue, what the provider was asked."""
        for item in self.world.store.client.scan(TableName="expunge")["Items"]:
            payload = item.pop("payload", {}).get("B")
            self.heard.at("table", repr(item))
            if payload is not None:
                self.heard.at("contents", zlib.decompress(payload))
        self.heard.at("queue", self.work.take())
        for asked in self.provider.asked:
            self.heard.at("provider", f"{asked.line} {asked.headers}")

    def leaks(self) -> set[tuple[str, str, Form]]:
        """What came out and may not, in the log too."""
        self.heard.at("log", self.logged())
        return self.heard.leaks(self.marks)


@pytest.fixture
def service(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> Iterator[Service]:
    """All of it on moto, with a provider."""
    bus = Bus()

    def logged() -> str:
        lines = [logger.registered_formatter.format(record) for record in caplog.records]
        return "\n".join([*lines, *capsys.readouterr()])

    caches = (settings.work_queue, settings.work_concurrency, settings.provider)
    with mock_aws(config={"core": {"reset_boto3_session": False}}), upstream() as provider:
        client = boto3.client("dynamodb", config=CLIENT_CONFIG)
        create_table(client, "expunge")
        service = Service(World(Store(client, "expunge")), provider, bus, logged)
        boto3.client("ssm").put_parameter(Name="/key", Value=MARKS["provider's key"], Type="SecureString")
        for name in ("WHATSAPP", "LINKEDIN"):
            monkeypatch.setenv(f"{name}_BASE_URL", provider.url)
            monkeypatch.setenv(f"{name}_KEY_NAME", "/key")
        monkeypatch.setenv("WORK_QUEUE_URL", service.work.url)
        monkeypatch.setenv("WORK_CONCURRENCY", str(WORKERS))
        may_delete_from(NAME, monkeypatch)
        monkeypatch.setattr("expunge.events.bus._client", lambda: bus)
        monkeypatch.setattr(emptying, "_AT_ONCE", 1)  # moto's S3 takes one call at a time
        monkeypatch.setattr(purging, "_AT_ONCE", 1)
        monkeypatch.setattr("time.sleep", lambda _: None)
        for cached in caches:
            cached.cache_clear()
        service.fill()
        yield service
        for cached in caches:
            cached.cache_clear()
        provider_keys.forget()


def permitted(service: Service) -> list[dict[str, str]]:
    """Queries that permit a deletion of history, each marked in what permits it."""
    now = str(int(time.time()))
    path = f"/v3/history/sub-key/{SUB_KEY}/channel/ch"
    message = signatures.message("DELETE", "pub-c-1", path, f"timestamp={now}")
    service.marks["signature"] = signatures.sign(MARKS["secret key"], message)
    fields = {b"v": 2, b"t": int(now), b"ttl": 60, b"res": {b"chan": {b"ch": 8}}}
    service.marks["token"] = tokens.issue(fields, MARKS["secret key"]).rstrip("=")
    return [
        {"timestamp": now, "signature": service.marks["signature"]},
        {"auth": service.marks["token"]},
        {"auth": MARKS["auth key"]},
    ]


def successes(service: Service) -> None:
    """Have every call do what it is for, and repeat it."""
    again = {"idempotency-key": MARKS["idempotency key"]}
    [planned, done] = [
        service.call("POST /v1/inbound-messages/delete-all", query=query).headers["x-request-id"]
        for query in ("dry_run=true", "limit=2")
    ]
    of_deletions = {"POST /v1/deletions/{request_id}/execute": planned}
    for route in ROUTES:
        if route == HISTORY:
            continue
        path = {"request_id": of_deletions.get(route, done)}
        body = {"message_ids": [MARKS["id in a body"], message_id(3)]} if "batch" in route else None
        replies = [service.call(route, path=path, body=body, headers=each) for each in ({}, again, again)]
        assert {reply.status for reply in replies} <= {200, 404, 409, 422}, route
    service.call("POST /v1/pull-endpoints/{id}/events/delete-all", query={"event_type": MARKS["event type"]})
    service.call("GET /v1/deletions")
    assert service.call(OUTBOUND_OR_LINKED, path={"message_id": LINKED}).status == 200
    for query in permitted(service):
        service.world.channel_messages("ch", 1, 2, payload=CONTENT)
        assert service.call(HISTORY, query=query).status == 200


def refusals(service: Service) -> None:
    """Have every call refuse all that it can."""
    value = quote(MARKS["value of a parameter"])
    for route in ROUTES:
        for key in ("revoked API key", "expired API key", "API key without scopes", "unknown API key"):
            service.call(route, key)
        for wrong in (f"Basic {MARKS['password']}", f"Bearer {MARKS['password']} more", MARKS["password"]):
            service.call(route, headers={"authorization": wrong, "x-api-key": wrong})
        for name in (*PARAMETERS, "unknown"):
            service.call(route, query=f"{name}={value}")
        for body in BODIES:
            service.call(route, body=body)
        for name in PATH:
            service.call(route, path={name: MARKS["body"]} if name != "channels" else {})
    permits = permitted(service)
    for shown in (
        *({"auth": MARKS[name]} for name in ("unknown auth key", "payload")),
        {"auth": tampered(service.marks["token"])},
        {"timestamp": permits[0]["timestamp"], "signature": MARKS["forged signature"]},
        *({**query, "start": "x"} for query in permits),
        *({**query, "unknown": MARKS["value of a parameter"]} for query in permits),
    ):
        assert service.call(HISTORY, query=shown).status in (400, 403)


def tampered(token: str) -> str:
    # Not the last character, some of whose bits are part of nothing.
    return token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]


PARAMETERS = (
    "status",
    "inbound_endpoint_id",
    "endpoint_id",
    "received_after",
    "created_before",
    "limit",
    "dry_run",
    "cursor",
    "family",
    "start",
    "uuid",
    "auth",
    "signature",
    "timestamp",
)
BODIES = (
    '{"message_ids": ["' + MARKS["body"],
    json.dumps({"message_ids": MARKS["body"]}),
    json.dumps({"message_ids": [[MARKS["body"]]]}),
    json.dumps({"message_ids": [MARKS["body"] * 9]}),
    json.dumps({"unknown": MARKS["body"]}),
    json.dumps([MARKS["body"]]),
    MARKS["body"],
)


def answers_of_a_provider(service: Service) -> None:
    """Have the provider say no in all ways."""
    said = MARKS["provider's answer"]
    provider = service.provider
    for status in (200, 302, 400, 401, 403, 404, 429, 500, 503):
        body = {"type": f"errors/{said}", "title": said, "detail": said}
        provider.says(status, body, Location=f"http://{said}/", Retry_After=said, Set_Cookie=said)
        service.world.linked_message(payload=CONTENT)
        service.call(OUTBOUND_OR_LINKED, path={"message_id": LINKED})
    for raw in (said, f"HTTP/1.1 {said}\r\n\r\n", f"HTTP/1.1 200 {said}\r\n{said}\r\n\r\n{said}"):
        provider.sends(raw.encode())
        service.call(OUTBOUND_OR_LINKED, path={"message_id": LINKED})
    provider.sends(f"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{said}".encode())
    service.call(OUTBOUND_OR_LINKED, path={"message_id": LINKED})
    boto3.client("ssm").put_parameter(
        Name="/key", Value=MARKS["provider's key"] + " and a blank", Type="SecureString", Overwrite=True
    )
    provider_keys.forget()
    service.call(OUTBOUND_OR_LINKED, path={"message_id": LINKED})


WORDS = " ".join(MARKS.values())
SELDOM = (HTTPClientError, ResponseParserError)
QUOTING = (
    ClientError(
        {
            "Error": {"Code": "ValidationException", "Message": WORDS},
            "ResponseMetadata": {"HTTPStatusCode": 400},  # type: ignore[typeddict-item] # the part that is read
        },
        "GetItem",
    ),
    HTTPClientError(error=WORDS),
    ResponseParserError(WORDS),
    KeyError(WORDS),
)
"""Errors of AWS and its SDK that quote all that came in and all that is stored."""

each_error = pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            error, marks=pytest.mark.slow if isinstance(error, SELDOM) else (), id=type(error).__name__
        )
        for error in QUOTING
    ],
)


def failing(first: int, error: Exception, does: Callable[[], object]) -> None:
    """Have it done while all calls of AWS fail, from that one on."""
    calls = count()

    def call(make: Any, client: Any, operation: str, params: Any) -> Any:
        if next(calls) >= first:
            raise copy(error)
        return make(client, operation, params)

    with pytest.MonkeyPatch.context() as patch:
        intercept(patch, call, ("dynamodb", "s3", "ssm", "sqs"))
        does()


def test_every_call_of_the_api_tells_no_more_than_it_may(service: Service) -> None:
    successes(service)
    refusals(service)
    answers_of_a_provider(service)
    service.look_around()

    assert service.leaks() == set()
    assert service.heard.unheard(MARKS) == set()


@each_error
def test_no_call_of_the_api_repeats_what_an_error_quotes(service: Service, error: Exception) -> None:
    again = {"idempotency-key": MARKS["idempotency key"]}
    queries: list[Any] = ["", *permitted(service)]
    for first in range(4):
        for route in ROUTES:
            for query in queries if route == HISTORY else [""]:
                failing(first, error, lambda: service.call(route, headers=again, query=query))  # noqa: B023 - at once
        failing(first, error, lambda: service.call(OUTBOUND_OR_LINKED, path={"message_id": LINKED}))

    assert service.leaks() == set()


@pytest.mark.slow
def test_what_comes_in_by_queue_stream_and_schedule_tells_no_more_than_it_may(service: Service) -> None:
    lines_of_the_queue(service)
    successes(service)
    service.publish()
    for event in ({}, {"dry_run": True}, LATER, {"time": MARKS["task"]}, {"dry_run": MARKS["task"]}):
        service.invoke(purge.handler, event)
    service.publish()
    for body in (*service.work.take(), *TASKS):
        service.invoke(work.handler, {"Records": [{"body": body}]})
    service.invoke(publish_deletions.handler, {"Records": SPOILT})
    service.look_around()

    assert service.bus.events
    assert service.bucket.left() == []
    assert service.leaks() == set()


LATER = {"time": "2999-01-01T00:00:00Z", "force": True}
TASKS = (
    MARKS["task"],
    json.dumps({"work": MARKS["task"]}),
    json.dumps({"work": "bin", "round": MARKS["task"], "part": 0, "of": 1, "until": MARKS["task"]}),
    json.dumps({MARKS["task"]: 1}),
)
_SPOILT = MARKS["record of the stream"]
SPOILT = [
    changed(_SPOILT, {}, {"deleted_at": _SPOILT}),
    changed(f"INBOUND#acc_1#{_SPOILT}", {}, {"deleted_at": _SPOILT, "payload": _SPOILT}),
    changed("INBOUND#acc_1", {}, {_SPOILT: _SPOILT}, sk=_SPOILT),
    {"eventID": "1", "dynamodb": {"NewImage": {"payload": {"S": _SPOILT}}}},
]
LINE = {
    "kind": "inbound_message",
    "account_id": ACCOUNT,
    "id": message_id(9),
    "inbound_endpoint_id": INBOUND,
    "status": "succeeded",
    "received_at": "2026-04-05T14:23:11Z",
}


def lines_of_the_queue(service: Service) -> None:
    """Have good and bad lines come in, those that are bad marked in all ways."""
    bad, name = MARKS["bad line"], MARKS["name in a bad line"]
    bodies = [
        json.dumps(LINE | {"payload": CONTENT}),
        "\n".join(json.dumps(LINE | {field: bad}) for field in LINE),
        *(json.dumps(LINE | fields) for fields in ({name: bad}, {"payload": CONTENT, "content_url": bad})),
        bad,
        f'{{"kind": "{bad}',
        json.dumps(bad),
        json.dumps([bad]),
        json.dumps({"kind": "api_key", "key": bad, "account_id": ACCOUNT}),
        json.dumps({"kind": "inbound_endpoint", "account_id": ACCOUNT, "id": INBOUND, "signing_secret": bad}),
        json.dumps({"kind": "keyset", "sub_key": SUB_KEY, "secret_key": bad}),
    ]
    for body in bodies:
        service.invoke(store_records.handler, queued(body))


def queued(body: str) -> Any:
    return {"Records": [{"messageId": "1", "body": body, "eventSource": "aws:sqs"}]}


@pytest.mark.slow
@each_error
def test_what_a_function_raises_for_lambda_to_log_repeats_no_other_error(
    service: Service, error: Exception
) -> None:
    successes(service)
    purge.handler({"time": "2999-01-01T00:00:00Z", "force": True, "dry_run": True}, Context())
    records = read_stream("expunge")
    service.bus.put_events = fails(error)  # type: ignore[method-assign] # every call does from now on
    tasks = [
        *service.work.take(),
        json.dumps({"work": "bin", "round": "1", "part": 0, "of": 1, "until": LATER["time"]}),
    ]
    for first in range(6):
        for handler, event in (
            (store_records.handler, queued(json.dumps(LINE | {"payload": CONTENT}))),
            (purge.handler, LATER),
            *((work.handler, {"Records": [{"body": body}]}) for body in tasks),
            (publish_deletions.handler, {"Records": records}),
        ):
            failing(first, error, partial(service.invoke, handler, event))

    assert service.leaks() == set()


def fails(error: Exception) -> Callable[..., Any]:
    def put_events(**_: Any) -> Any:
        raise copy(error)

    return put_events


def logs_its_events(patch: pytest.MonkeyPatch) -> None:
    begin = Request.__init__

    def logging(request: Request, event: Any, context: Any) -> None:
        begin(request, event, context)
        logger.info("Begun", extra={"event": event})

    patch.setattr(Request, "__init__", logging)


def repeats_a_body(patch: pytest.MonkeyPatch) -> None:
    read = Request.body

    def quoting(request: Request) -> bytes:
        raise InvalidRequest(f"payload must be valid JSON, and is not: {read(request)!r}")

    patch.setattr(Request, "body", quoting)


@pytest.mark.parametrize(
    ("fault", "leaks"),
    [
        (
            logs_its_events,
            {(name, "log", "itself") for name in ("API key", "idempotency key", "header", "body")},
        ),
        (repeats_a_body, {("body", "reply", "itself")}),
    ],
)
def test_a_service_that_tells_too_much_is_found(
    service: Service, monkeypatch: pytest.MonkeyPatch, fault: Callable[[pytest.MonkeyPatch], None], leaks: Any
) -> None:
    fault(monkeypatch)
    again = {"idempotency-key": MARKS["idempotency key"]}

    service.call("POST /v1/inbound-messages/delete-batch", body=BODIES[0], headers=again)

    assert service.leaks() == leaks


@pytest.mark.parametrize(
    "written",
    [
        str,
        repr,
        json.dumps,
        lambda mark: json.dumps(json.dumps({"deep": mark})),
        lambda mark: mark.encode(),
        lambda mark: quote(mark, safe=""),
        lambda mark: b64encode(f"user:{mark}".encode()),
        lambda mark: b64encode(f"a user:{mark}!".encode()),
        lambda mark: urlsafe_b64encode(f"the user:{mark}~~".encode()),
        lambda mark: mark.encode().hex(),
    ],
)
@pytest.mark.parametrize("name", ["API key", "payload", "bad line"])
def test_a_mark_is_found_however_it_is_written(name: str, written: Callable[[str], Any]) -> None:
    heard = Heard()
    heard.at("log", written(MARKS[name]))

    assert heard.leaks(MARKS) == {(name, "log", "itself")}


@pytest.mark.parametrize("digest", [md5, sha1, sha256, sha512])
def test_the_beginning_of_an_unsalted_digest_is_found(digest: Any) -> None:
    heard = Heard()
    heard.at("log", digest(MARKS["API key"].encode()).hexdigest()[:16])

    assert heard.leaks(MARKS) == {("API key", "log", "its digest")}
