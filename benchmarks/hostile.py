"""What input that is meant to hurt takes, of every call, beside a plain request of that size.

Through the handlers, in process, in turns. The client of DynamoDB is asked as in AWS, and what it sends is
answered at once: an account and a keyset are there, messages and deletions are not. Path, query and headers
are nearly as large as the gateway lets pass, bodies as large as Lambda does.
"""

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import quote

from benchmarks.answering import reply
from cli.template import functions
from tests import hostile
from tests.as_deployed import environment

os.environ |= environment(POWERTOOLS_LOG_LEVEL="CRITICAL")

import store_records
from expunge import timestamps
from expunge.history import access
from expunge.http import auth
from expunge.table.store import store
from expunge.webhooks import customer_endpoints
from tests.world import INBOUND, KEY, SECRET_KEY, SUB_KEY, Context, message_id

MOST = 5.0
"""Times as long as the plain request."""

SHORT = 8_000
"""Bytes of what is not a body; API Gateway takes 10,240 of request line and headers."""

LONG = 4_400_000
"""Bytes of a body, which can arrive in base64; Lambda takes 6 MB of an event."""

QUEUED = 250_000
"""Bytes of one message of the records queue, which takes 256 KiB."""

PATH = {
    "message_id": message_id(1),
    "event_id": message_id(1),
    "id": INBOUND,
    "request_id": "req_1",
    "sub_key": SUB_KEY,
    "channels": "ch",
}

Send = Callable[[], int]
"""Sends a request once and returns the status."""


class Row(NamedTuple):
    """One call and one place of a request: medians of CPU seconds, and what takes longest."""

    call: str
    place: str
    plain: float
    worst: float
    what: str


def main() -> Iterator[Row]:
    """Measure every call."""
    events: Any = store().client.meta.events
    events.register("before-send.dynamodb", answer)
    for route, place, requests, rounds in cases():
        took: dict[str, list[float]] = {what: [] for what in requests}
        for _ in range(rounds):
            for what, send in requests.items():
                took[what].append(seconds(send))
        medians = {what: median(each) for what, each in took.items()}
        plain = medians.pop(hostile.PLAIN)
        worst = max(medians, key=lambda what: medians[what])
        yield Row(route, place, plain, medians[worst], worst)


def cases() -> Iterator[tuple[str, str, Mapping[str, Send], int]]:
    """Give each call and place with its requests, the plain one among them, and how often to send them."""
    for function in functions():
        for method, route in function.routes:
            send = partial(sent, importlib.import_module(function.module).handler, f"{method} {route}")
            name = f"{method} {route}"
            queries = dict(hostile.queries(SHORT))
            if "channels" in route:  # where another one is refused before the keyset is read
                queries[hostile.PLAIN] = f"pnsdk={queries[hostile.PLAIN]}".replace("limit=", "")
            yield name, "query", {what: partial(send, query=each) for what, each in queries.items()}, 9
            headers = hostile.headers(SHORT).items()
            yield name, "headers", {what: partial(send, headers=each) for what, each in headers}, 9
            if method == "POST":
                bodies = hostile.bodies(LONG).items()
                yield name, "body", {what: partial(send, body=each) for what, each in bodies}, 3
            if "channels" in route:
                tokens = hostile.tokens(SHORT).items()
                shown = {what: partial(send, query=f"auth={quote(each)}") for what, each in tokens}
                yield name, "token", shown, 9
                yield name, "pattern", patterns(send), 5
    bodies = hostile.queued(QUEUED).items()
    yield "the records queue", "body", {what: partial(taken_in, each) for what, each in bodies}, 3


def patterns(send: Callable[..., int]) -> Mapping[str, Send]:
    """Requests for 50 channels with a token that names none of them, and with patterns."""
    channels = ",".join([f"{number}{'a' * 88}" for number in range(10, 60)])
    given = {hostile.PLAIN: hostile.sealed("b", 100)}
    for pattern in hostile.PATTERNS:
        given |= {f"{pattern[:20]} x {count}": hostile.sealed(pattern, count) for count in (1, 50)}
    return {
        what: partial(send, query=f"auth={quote(each)}", channels=channels)
        for what, each in given.items()
        if len(each) <= SHORT
    }


def sent(
    handler: Callable[..., Any],
    route: str,
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: str = "",
    channels: str = "ch",
) -> int:
    """Send one request to a function that knows nothing yet, and return the status."""
    for module in (auth, access, customer_endpoints):
        module.forget()
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawQueryString": query,
        "headers": {"authorization": f"Bearer {KEY}"} | dict(headers or {}),
        "requestContext": {"requestId": "r"},
        "pathParameters": PATH | {"channels": channels},
        "isBase64Encoded": False,
    }
    if body:
        event["body"] = body
    return int(handler(event, Context())["statusCode"])


def taken_in(body: str) -> int:
    """Have the records queue bring a body."""
    message = {"messageId": "1", "body": body, "eventSource": "aws:sqs"}
    store_records.handler({"Records": [message]}, Context())
    return 200


def seconds(send: Send) -> float:
    """Give the CPU seconds of a request. Exits if it is not answered as it must be."""
    began = time.process_time()
    status = send()
    took = time.process_time() - began
    if status >= 500:
        raise SystemExit(f"answered {status}")
    return took


def answer(request: Any, **_: Any) -> Any:
    """Answer as DynamoDB would, without a network: keys and endpoints are there, and nothing else."""
    operation = request.headers["X-Amz-Target"].decode().partition(".")[2]
    body = request.body.decode() if operation == "GetItem" else ""
    if '"API_KEY"' in body:
        today = timestamps.millis(timestamps.now())[:10]
        key = {"account_id": {"S": "acc_1"}, "key_id": {"S": "key_1"}, "last_used_on": {"S": today}}
        return reply(request, {"Item": key})
    if '"KEYSET"' in body:
        names = {"pub_key": {"S": "pub-c-1"}, "secret_key": {"S": SECRET_KEY}}
        switches = {"access_manager": {"BOOL": True}, "delete_from_history": {"BOOL": True}}
        return reply(request, {"Item": names | switches})
    if "_ENDPOINT#" in body:
        return reply(request, {"Item": {"pk": {"S": "there"}}})
    empty: dict[str, dict[str, Any]] = {"Query": {"Items": [], "Count": 0}, "BatchGetItem": {"Responses": {}}}
    return reply(request, empty.get(operation, {}))


if __name__ == "__main__":
    print("| call | in | plain | worst | times as long | which | holds |")
    print("| --- | --- | ---: | ---: | ---: | --- | --- |")
    failed = False
    with Path(os.devnull).open("w") as nowhere:
        table = sys.stdout
        with redirect_stdout(nowhere):  # the functions write their metrics there, as deployed
            for row in main():
                ratio = row.worst / row.plain
                failed |= ratio > MOST
                print(
                    f"| `{row.call}` | {row.place} | {1000 * row.plain:.2f} ms | {1000 * row.worst:.2f} ms"
                    f" | {ratio:.1f} | {row.what} | {'yes' if ratio <= MOST else 'NO'} |",
                    file=table,
                    flush=True,
                )
    sys.exit(failed)
