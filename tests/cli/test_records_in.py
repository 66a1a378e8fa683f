"""POST /records, over a function that does as the one of the queue does."""

import asyncio
import json
from typing import Any

import pytest

from cli.gateway import Message
from cli.invoke import EVENT_LIMIT, EventTooLargeError, InvocationError
from cli.records import BYTES, RecordsIn


class Function:
    """Stores lines that begin with a brace, once each; `fails` lines it has no time for."""

    def __init__(self, *fails: str) -> None:
        self.bodies: list[str] = []
        self.held: set[str] = set()
        self._fails = set(fails)

    async def __call__(self, event: Any) -> Any:
        if len(json.dumps(event)) > EVENT_LIMIT:
            raise EventTooLargeError
        [message] = event["Records"]
        self.bodies.append(message["body"])
        lines = message["body"].split("\n")
        given = {"itemIdentifier": message["messageId"]}
        bad = [at for at, line in enumerate(lines, start=1) if line.strip() and not line.startswith("{")]
        if not message["body"].strip():
            bad = [1]
        good = {line for line in lines if line.startswith("{")} - self._fails
        self.held |= good
        return {
            "batchItemFailures": [given] if bad or self._fails & set(lines) else [],
            "stored": len(good),
            "rejected": [{**given, "line": at, "reason": "bad"} for at in bad],
        }


def post(function: Any, body: bytes) -> tuple[int, Any]:
    sent: list[Message] = []

    async def scenario() -> None:
        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await RecordsIn(function).answer({}, receive, send)

    asyncio.run(scenario())
    return sent[0]["status"], json.loads(sent[1]["body"])


def lines(number: int, size: int = 0) -> bytes:
    return "".join(f"{{{at}{'x' * size}\n" for at in range(number)).encode()


def test_records_are_stored_and_counted() -> None:
    function = Function()
    assert post(function, b"{1\n\n{2\n") == (200, {"stored": 2, "rejected": []})
    assert function.bodies == ["{1\n\n{2\n"]


def test_a_bad_line_is_told_by_its_number_and_the_others_are_stored() -> None:
    function = Function()
    answer = post(function, b"{1\nbad\n{2\n")
    assert answer == (200, {"stored": 2, "rejected": [{"line": 2, "reason": "bad"}]})
    assert function.held == {"{1", "{2"}


def test_lines_are_numbered_through_however_many_there_are() -> None:
    function = Function()
    answer = post(function, lines(1200) + b"bad\n" + lines(1) + b"\n\nbad too")
    rejected = [{"line": 1201, "reason": "bad"}, {"line": 1205, "reason": "bad"}]
    assert answer == (200, {"stored": 1201, "rejected": rejected})


def test_a_message_of_the_queue_is_no_larger_than_a_queue_takes() -> None:
    function = Function()
    assert post(function, lines(50, 20_000)) == (200, {"stored": 50, "rejected": []})
    assert max(len(body) for body in function.bodies) <= BYTES


def test_a_line_that_no_function_takes_is_rejected() -> None:
    answer = post(Function(), b"{1\n{" + b"x" * EVENT_LIMIT + b"\n{2\n")
    rejected = [{"line": 2, "reason": "the record is too large for the queue"}]
    assert answer == (200, {"stored": 2, "rejected": rejected})


@pytest.mark.parametrize("body", [b"{1\n{late\n", b"{1\nbad\n{late\n"])
def test_what_could_not_be_stored_is_not_passed_over(body: bytes) -> None:
    status, answer = post(Function("{late"), body)
    assert (status, answer) == (
        503,
        {"message": "Not everything was stored. Sending the same again is safe."},
    )


def test_a_function_that_dies_is_not_passed_over() -> None:
    async def dies(_: Any) -> Any:
        raise InvocationError("it ended")

    assert post(dies, b"{1")[0] == 503


def test_an_empty_body_and_one_that_is_no_text_are_refused() -> None:
    assert post(Function(), b"") == (200, {"stored": 0, "rejected": [{"line": 1, "reason": "bad"}]})
    assert post(Function(), b"\xff") == (400, {"message": "The body must be JSON lines in UTF-8."})
