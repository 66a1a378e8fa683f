"""Whatever the API is sent, secrets and contents come out only where they are meant to.

Each is marked, driven through every endpoint, in success and in what goes wrong, and then searched for in all
that comes out. What may come out where, is one table in marks.py.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import boto3
import pytest

from expunge.errors import InvalidRequest
from expunge.http.request import Request
from expunge.linked import provider_keys
from expunge.telemetry import logger
from tests.marked.marks import MARKS
from tests.marked.quoting import each_error, failing
from tests.marked.service import (
    CONTENT,
    HISTORY,
    OUTBOUND_OR_LINKED,
    PATH,
    ROUTES,
    Service,
    permitted,
    successes,
)
from tests.world import LINKED

pytestmark = pytest.mark.moto("it needs a stream, a queue, a bucket and parameters as well")


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


def logs_its_events(patch: pytest.MonkeyPatch) -> None:
    begin = Request.__init__

    def logging(request: Request, event: Any, context: Any) -> None:
        begin(request, event, context)
        logger.info("Refused", extra={"code": event})

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
