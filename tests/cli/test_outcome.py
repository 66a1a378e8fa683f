import json
from typing import Any

import pytest

from cli.events import Response
from cli.outcome import outcome

HEADERS = [("content-type", "application/json"), ("x-request-id", "req_1")]


def said(body: Any, method: str = "POST") -> str:
    return outcome(method, Response(200, HEADERS, json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"data": {"deleted": 3, "deleted_message_ids": ["a", "b", "c"]}}, " 3 deleted req_1"),
        ({"data": {"results": [], "deleted_count": 2, "not_found_count": 1}}, " 2 deleted req_1"),
        ({"data": {"message_id": "a", "already_deleted": False}}, " 1 deleted req_1"),
        ({"data": {"message_id": "a", "already_deleted": True}}, " 0 deleted req_1"),
        ({"data": {"matched": 7}}, " 7 matched req_1"),
        ({"data": {"restored": 2}}, " 2 restored req_1"),
        ({"object": "MessageDeleted"}, " 1 deleted req_1"),
        ({"status": 200, "error": False, "error_message": ""}, " req_1"),
        ({"error": {"code": "NOT_FOUND", "message": "secret"}}, " req_1"),
        ([], " req_1"),
    ],
)
def test_the_log_says_what_a_request_did_and_its_id(body: Any, words: str) -> None:
    assert said(body) == words


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        ({"deleted": 0}, "DELETE_FAILED", " 0 deleted DELETE_FAILED req_1"),
        ({"deleted": 200}, "PARTIAL_DELETE_FAILURE", " 200 deleted PARTIAL_DELETE_FAILURE req_1"),
        ({"deleted_count": 2}, "PARTIAL_DELETE_FAILURE", " 2 deleted PARTIAL_DELETE_FAILURE req_1"),
        ({"restored": 1}, "PARTIAL_RESTORE_FAILURE", " 1 restored PARTIAL_RESTORE_FAILURE req_1"),
        ({"deleted": 1}, "hb_live_key\n", " 1 deleted req_1"),
    ],
)
def test_the_log_says_that_a_request_stopped_early_though_its_status_is_200(
    data: Any, code: str, words: str
) -> None:
    assert said({"data": data, "error": {"code": code, "message": "secret"}}) == words


def test_what_is_only_looked_up_is_not_said_to_be_done() -> None:
    assert said({"data": {"deleted": 3}}, "GET") == " req_1"


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000])
def test_a_reply_that_is_no_json_is_none_of_the_logs_business(body: bytes) -> None:
    assert outcome("POST", Response(200, [("x-request-id", "a b\n")], body)) == ""
