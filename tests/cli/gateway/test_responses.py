"""A function's reply becomes a response, or is refused as API Gateway does."""

from typing import Any

import pytest

from cli.events import MalformedReplyError, Response, response_of
from tests.cli.gateway.running import JSON

PLAIN = [("content-type", "text/plain;charset=UTF-8")]


@pytest.mark.parametrize(
    ("reply", "response"),
    [
        (
            {"statusCode": 200, "headers": {"Content-Type": "a/b"}, "body": "é"},
            (200, [("content-type", "a/b")], "é"),
        ),
        ({"statusCode": "404"}, (404, PLAIN, "")),
        ({"statusCode": 204, "headers": None, "body": None, "cookies": None}, (204, PLAIN, "")),
        ({"statusCode": 200, "body": "aGk=", "isBase64Encoded": True}, (200, PLAIN, "hi")),
        (
            {
                "statusCode": 200,
                "headers": {"X-Count": 3, "X-Is": True, "Content-Length": "9"},
                "cookies": ["a=1", "b=2"],
            },
            (
                200,
                [("x-count", "3"), ("x-is", "true"), *PLAIN, ("set-cookie", "a=1"), ("set-cookie", "b=2")],
                "",
            ),
        ),
        ({"message": "hi"}, (200, JSON, '{"message": "hi"}')),
        (["a"], (200, JSON, '["a"]')),
        ("hi", (200, JSON, "hi")),
        (None, (200, JSON, "null")),
    ],
)
def test_a_reply_becomes_a_response(reply: Any, response: tuple[int, list[tuple[str, str]], str]) -> None:
    status, headers, body = response
    assert response_of(reply) == Response(status, headers, body.encode())


@pytest.mark.parametrize(
    "reply",
    [
        {"statusCode": "ok"},
        {"statusCode": None},
        {"statusCode": 99},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
        {"statusCode": 200, "body": "not base64!", "isBase64Encoded": True},
        "\ud800",
    ],
)
def test_a_reply_that_is_no_response_is_refused(reply: Any) -> None:
    with pytest.raises(MalformedReplyError):
        response_of(reply)
