"""Input that is meant to hurt: it is refused in one sentence, is not logged, and costs no round trip more."""

import importlib
import json
from collections.abc import Callable
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest

from cli.template import functions
from delete_channel_history import handler as delete_history
from delete_inbound_message import handler as delete_one
from delete_inbound_message_batch import handler as delete_batch
from delete_inbound_messages import handler as delete_all
from delete_pull_events import handler as delete_events
from expunge.table.store import store
from get_deletion import handler as look_up
from restore_deletion import handler as restore
from tests import hostile
from tests.world import KEY, PULL, SUB_KEY, World, call, message_id

Lines = Callable[[], list[dict[str, Any]]]

MEGABYTE = "x" * 1_000_000
ROUTES = [
    (f"{method} {path}", importlib.import_module(function.module).handler)
    for function in functions()
    for method, path in function.routes
]
PATH = {
    "message_id": message_id(1),
    "event_id": message_id(1),
    "id": PULL,
    "request_id": "req_1",
    "sub_key": SUB_KEY,
    "channels": "ch",
}
FORGED = 'x\n{"level":"ERROR","message":"forged"}\r\n\x1b[31mforged'
MARK = "MARKED-SECRET-4711"


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.customer()
    world.keyset()
    world.message(1)
    world.event(2)


@pytest.mark.parametrize("handler", [delete_batch, restore])
@pytest.mark.parametrize(
    "body",
    [
        "[" * 1_000_000,
        '{"message_ids":' * 100_000,
        '{"message_ids":[' + "[" * 5_000 + "]" * 5_000 + "]}",
        json.dumps({"message_ids": [MEGABYTE] * 10}),
        json.dumps({"message_ids": [message_id(1)] * 200_000}),
        json.dumps({MEGABYTE: 1}),
        '{"message_ids":' + "9" * 1_000_000 + "}",
        '{"message_ids":["\ud800"]',
        '{"message_ids":NaN}',
    ],
    ids=["open", "nested", "lists", "10 MB", "200,000 ids", "a long name", "a number", "half a pair", "NaN"],
)
def test_a_body_that_is_too_much_is_refused(world: World, handler: Any, body: str) -> None:
    reply = call(handler, body=body, path={"request_id": "req_1"})

    status, code, message = reply.error
    assert (status, code) in {(400, "INVALID_REQUEST"), (404, "NOT_FOUND")}
    assert len(message) < 300
    assert world.deleted() == set()


@pytest.mark.parametrize(
    "query",
    [
        "&".join(f"p{number}=1" for number in range(100_000)),
        "limit=" + "9" * 1_000_000,
        "status=" + "succeeded%2C" * 100_000,
        f"{MEGABYTE}=1",
        "limit=1&limit=2",
        "status=%ff",
        "%ff=1",
        "received_after=%ff",
        "received_after=" + "2026-" * 100_000,
    ],
    ids=["many", "long", "list", "name", "twice", "no UTF-8", "name no UTF-8", "time no UTF-8", "long time"],
)
def test_a_query_that_is_too_much_is_refused_after_the_key_alone_was_read(
    world: World, operations: list[str], query: str
) -> None:
    status, code, message = call(delete_all, query=query).error

    assert (status, code) == (400, "INVALID_REQUEST")
    assert len(message) < 300
    assert operations == ["GetItem"]
    assert world.deleted() == set()


@pytest.mark.parametrize(
    "query", ["event_type=a&event_type=b", "event_type=order.created&event_type=order.created"]
)
def test_an_event_type_that_is_given_twice_deletes_nothing(world: World, query: str) -> None:
    reply = call(delete_events, path={"id": PULL}, query=query)

    assert reply.error == (400, "INVALID_REQUEST", "event_type must be given only once")
    assert world.deleted() == set()


@pytest.mark.parametrize(
    "query",
    ["event_type=%ff", "event_type=order.created%c3", "event_type=100%", "event_type=%4", "event_type=%zz"],
)
def test_a_value_that_is_no_percent_encoded_utf_8_deletes_nothing(world: World, query: str) -> None:
    reply = call(delete_events, path={"id": PULL}, query=query)

    assert reply.error == (400, "INVALID_REQUEST", "the query must be percent-encoded UTF-8")
    assert world.deleted() == set()


@pytest.mark.parametrize(
    ("handler", "names"),
    [
        (delete_one, ["message_id"]),
        (delete_events, ["id"]),
        (look_up, ["request_id"]),
        (restore, ["request_id"]),
        (delete_history, ["sub_key", "channels"]),
    ],
    ids=["message", "endpoint", "deletion", "restore", "history"],
)
def test_no_id_breaks_an_answer_or_the_log(
    world: World, logged: Lines, handler: Any, names: list[str]
) -> None:
    for name, text in product(names, [MEGABYTE, FORGED, "\ud800", "\x00", "../..", "%00", ""]):
        path = {"sub_key": SUB_KEY, "channels": "ch", name: text}
        reply = call(handler, path=path, request_id="gateway\n\x1b[31m")
        if name != "channels" or text in (MEGABYTE, "", "\ud800"):
            assert reply.status in (400, 404), text[:50]
    lines = logged()
    assert all("forged" not in json.dumps(line) for line in lines)
    assert "\x1b" not in json.dumps(lines, ensure_ascii=False)
    assert world.deleted() == set()


@pytest.mark.parametrize("key", [MEGABYTE, FORGED, "\ud800", "é" * 1000, f"{KEY} {KEY}", f"{KEY},{KEY}", ""])
def test_no_key_but_a_key_is_let_in(world: World, logged: Lines, key: str) -> None:
    reply = call(delete_all, headers={"authorization": f"Bearer {key}"})

    assert reply.error == (401, "UNAUTHORIZED", "Invalid or missing API key")
    assert "forged" not in json.dumps(logged())
    assert world.deleted() == set()


def test_nothing_that_is_marked_is_logged_or_repeated(world: World, logged: Lines) -> None:
    world.message(3, payload={"text": MARK})
    world.event(4, payload={"text": MARK})
    headers = {"authorization": f"Bearer {MARK}"}
    replies = [
        call(delete_all),
        call(delete_all, headers=headers),
        call(delete_all, query=f"status={MARK}"),
        call(delete_batch, body=f'{{"message_ids": "{MARK}'),
        call(delete_events, path={"id": PULL}, query="status=stored"),
        call(delete_events, path={"id": MARK}),
        call(look_up, path={"request_id": f"req_{MARK}"}),
        *(
            call(delete_history, path={"sub_key": SUB_KEY, "channels": "ch"}, query=f"{name}={quote(MARK)}")
            for name in ("auth", "signature", "timestamp", "start", "uuid")
        ),
    ]

    assert [MARK in json.dumps(reply.body) for reply in replies] == [False] * len(replies)
    assert MARK not in json.dumps(logged())


@pytest.mark.parametrize("handler", [delete_batch, restore])
def test_a_body_that_is_more_than_ids_can_be_is_not_even_read(world: World, handler: Any) -> None:
    def answered(body: str) -> tuple[int, str, str]:
        return call(handler, body=body, path={"request_id": "req_1"}).error

    assert answered(" " * 160_000 + "{") == (
        400,
        "INVALID_REQUEST",
        "payload must be at most 160000 bytes long",
    )
    assert answered("[" + "[]," * 15_000 + "[]]") == (400, "INVALID_REQUEST", "payload must be valid JSON")
    assert answered("[" + "[]," * 14_998 + "[]]") == (400, "INVALID_REQUEST", "payload must be a JSON object")
    assert world.deleted() == set()


def test_the_longest_ids_of_the_longest_letters_fit_into_a_body() -> None:
    ids = ["\N{PARTY POPPER}" * 128] * 100

    assert call(delete_batch, body={"message_ids": ids}).data["not_found_count"] == 100
    assert call(delete_batch, body={"message_ids": ["[" * 128] * 100}).data["not_found_count"] == 100


def test_an_error_that_quotes_what_was_sent_or_read_is_logged_by_its_kind(
    logged: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise KeyError(MARK)

    monkeypatch.setattr(store().client, "_make_api_call", failing)

    replies = [call(handler, route=route, path=PATH) for route, handler in ROUTES]

    assert {reply.status for reply in replies} <= {404, 500, 503}
    lines = logged()
    assert all("KeyError" in line["exception"] for line in lines if line["level"] == "ERROR")
    assert MARK not in json.dumps([reply.body for reply in replies])
    assert MARK not in json.dumps(lines)


def test_an_error_that_came_of_itself_is_logged_once(logged: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    twice = RuntimeError(MARK)
    twice.__cause__ = KeyError()
    twice.__cause__.__context__ = twice

    def failing(*_: object) -> None:
        raise twice

    monkeypatch.setattr(store().client, "_make_api_call", failing)

    assert call(delete_all).status == 500
    [line] = [each["exception"] for each in logged() if "exception" in each]
    assert line.count("builtins.RuntimeError") == line.count("builtins.KeyError") == 1


@pytest.mark.slow
@pytest.mark.parametrize(("route", "handler"), ROUTES, ids=[route for route, _ in ROUTES])
def test_every_call_answers_whatever_hurts(route: str, handler: Any) -> None:
    def answered(**request: Any) -> tuple[int, int]:
        reply = call(handler, route=route, path=PATH, **request)
        return reply.status, len(json.dumps(reply.body))

    hurting: list[dict[str, Any]] = [
        *({"query": each} for each in hostile.queries(1_000_000).values()),
        *({"headers": each} for each in hostile.headers(1_000_000).values()),
        *({"query": {"auth": each}} for each in hostile.tokens(8_000).values()),
        *({"body": each} for each in hostile.bodies(10_000_000).values()),
        {"body": "=" * 1_000_000, "base64": True},
        {"headers": {"authorization": f"Bearer {KEY}", "idempotency-key": "x" * 1_000_000}},
    ]

    assert [
        (status, length)
        for status, length in (answered(**each) for each in hurting)
        if status >= 500 or length > 600
    ] == []
