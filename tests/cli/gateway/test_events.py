"""A request becomes an event of API Gateway's payload format 2.0."""

import base64
from datetime import UTC, datetime

import pytest

from cli.events import event_of
from cli.routes import Match, Routes
from tests.cli.gateway.running import function, request


def test_a_request_becomes_an_event_of_payload_format_2() -> None:
    match = Match(function(), "POST /v1/pull-endpoints/{id}/events/delete-all", {"id": "a b"})
    sent = request(
        path="/v1/pull-endpoints/a%20b/events/delete-all",
        query="status=stored&status=fetched&received_after=2026-01-01T00:00:00%2B01:00&q=a+b&empty=&bare",
        headers=[
            ("host", "127.0.0.1:3000"),
            ("user-agent", "curl/8.5.0"),
            ("accept", "text/html"),
            ("accept", "*/*"),
            ("cookie", "a=1; b=2"),
            ("content-type", "application/json; charset=utf-8"),
        ],
        body='{"message_ids":["é"]}'.encode(),
        id="JKJaXmPLvHcESHA=",
        time=datetime(2026, 4, 5, 14, 23, 11, 123456, tzinfo=UTC),
    )
    assert event_of(sent, match) == {
        "version": "2.0",
        "routeKey": "POST /v1/pull-endpoints/{id}/events/delete-all",
        "rawPath": "/v1/pull-endpoints/a b/events/delete-all",
        "rawQueryString": (
            "status=stored&status=fetched&received_after=2026-01-01T00:00:00%2B01:00&q=a+b&empty=&bare"
        ),
        "cookies": ["a=1", "b=2"],
        "headers": {
            "host": "127.0.0.1:3000",
            "user-agent": "curl/8.5.0",
            "accept": "text/html,*/*",
            "content-type": "application/json; charset=utf-8",
        },
        "queryStringParameters": {
            "status": "stored,fetched",
            "received_after": "2026-01-01T00:00:00+01:00",
            "q": "a b",
            "empty": "",
            "bare": "",
        },
        "pathParameters": {"id": "a b"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "expunge",
            "domainName": "127.0.0.1",
            "domainPrefix": "127",
            "http": {
                "method": "POST",
                "path": "/v1/pull-endpoints/a b/events/delete-all",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "POST /v1/pull-endpoints/{id}/events/delete-all",
            "stage": "$default",
            "time": "05/Apr/2026:14:23:11 +0000",
            "timeEpoch": 1775398991123,
        },
        "body": '{"message_ids":["é"]}',
        "isBase64Encoded": False,
    }


def test_what_a_request_lacks_is_left_out_of_the_event() -> None:
    event = event_of(request(), Match(function(), "POST /", {}))
    assert {"cookies", "queryStringParameters", "pathParameters", "body"}.isdisjoint(event)
    assert (event["rawQueryString"], event["headers"], event["isBase64Encoded"]) == ("", {}, False)


def test_request_ids_look_like_the_gateways_and_are_unique() -> None:
    ids = {request().id for _ in range(100)}
    assert len(ids) == 100
    assert {(len(each), each[-1]) for each in ids} == {(16, "=")}


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("application/json", b"{}", "{}"),
        ("Application/JSON ; charset=utf-8", b"{}", "{}"),
        ("text/plain", b"hello", "hello"),
        ("application/xml", b"<a/>", "<a/>"),
        ("application/javascript", b"1", "1"),
        ("application/json", b"\xff", None),
        ("application/octet-stream", b"{}", None),
        ("application/x-www-form-urlencoded", b"{}", None),
        ("application/json-patch", b"{}", None),
        (None, b"{}", None),
    ],
)
def test_a_body_is_text_for_some_content_types_and_base64_for_all_others(
    content_type: str | None, body: bytes, text: str | None
) -> None:
    headers = [] if content_type is None else [("content-type", content_type)]
    event = event_of(request(headers=headers, body=body), Match(function(), "POST /", {}))
    expected = (base64.b64encode(body).decode(), True) if text is None else (text, False)
    assert (event["body"], event["isBase64Encoded"]) == expected


def test_a_path_is_decoded_once_and_cut_at_a_decoded_question_mark() -> None:
    match = Routes([function(("GET", "/a/{x}"))]).match("GET", "/a/b%2Fc%2520d%3Fe")
    assert match is not None
    event = event_of(request(path="/a/b%2Fc%2520d%3Fe"), match)
    assert (event["rawPath"], event["pathParameters"]) == ("/a/b/c%20d", {"x": "b/c%20d"})
    assert event["requestContext"]["http"]["path"] == "/a/b/c%20d"


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("POST", "/v1/things", ("POST /v1/things", {})),
        ("GET", "/v1/things", None),
        ("POST", "/v1/things/", None),
        ("POST", "/v1/thing%73", ("POST /v1/things", {})),
        ("POST", "/V1/things", None),
        ("POST", "/v1", None),
        ("DELETE", "/v1/things/7", ("DELETE /v1/things/{id}", {"id": "7"})),
        ("DELETE", "/v1/things/", None),
        ("DELETE", "/v1/things/7/8", None),
        ("DELETE", "/v1/things/7%2F8", ("DELETE /v1/things/{id}", {"id": "7/8"})),
        ("DELETE", "/v1/things/a,b%2Cc", ("DELETE /v1/things/{id}", {"id": "a,b,c"})),
        ("DELETE", "/v1/things/all", ("DELETE /v1/things/all", {})),
        ("GET", "/v1/things/all", ("ANY /v1/things/{id}", {"id": "all"})),
        ("PATCH", "/v1/things/7", ("ANY /v1/things/{id}", {"id": "7"})),
        ("PUT", "/x/things/1/y/2", ("PUT /{a}/things/{b}/y/{c}", {"a": "x", "b": "1", "c": "2"})),
    ],
)
def test_a_request_finds_its_route(method: str, path: str, found: tuple[str, dict[str, str]] | None) -> None:
    routes = Routes(
        [
            function(("ANY", "/v1/things/{id}"), ("PUT", "/{a}/things/{b}/y/{c}")),
            function(("DELETE", "/v1/things/{id}"), ("DELETE", "/v1/things/all"), ("POST", "/v1/things")),
        ]
    )
    match = routes.match(method, path)
    assert (None if match is None else (match.route_key, match.path_parameters)) == found
