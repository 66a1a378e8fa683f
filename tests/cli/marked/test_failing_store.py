"""A command whose store fails says what is wrong, and nothing that the store quotes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from expunge.chance import chance
from expunge.table import retries
from tests.cli.marked.records import COMMANDS, RECORDS, file_of
from tests.marked.marks import MARKS, Heard
from tests.marked.quoting import WORDS, each_error, failing, refusal
from tests.upstream import Upstream, answer, upstream
from tests.world import World


@pytest.fixture(autouse=True)
def _without_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands give up as if all their time had passed."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(retries, "_FIRST_PAUSE", 1e9)
    monkeypatch.setattr(retries, "_LONGEST_PAUSE", 1e9)
    monkeypatch.setattr(chance, "uniform", lambda _, most: most)


@each_error
def test_no_command_repeats_what_an_error_quotes(
    world: World, heard: Callable[..., Heard], tmp_path: Path, error: Exception
) -> None:
    world.load(*RECORDS)
    file = file_of(tmp_path, [json.dumps(record) for record in RECORDS])
    for command in (("load", file), *COMMANDS):
        for first in range(5):
            failing(first, error, lambda: heard(command))  # noqa: B023 - at once

    assert heard().leaks(MARKS) == set()


def test_a_command_that_repeats_an_error_is_found(
    heard: Callable[..., Heard], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.main.explain", str)

    failing(0, refusal("ValidationException"), lambda: heard(("dump",)))

    assert ("payload", "dump: stderr", "itself") in heard().leaks(MARKS)


ANSWERS: dict[str, bytes] = {
    "a refusal that quotes": answer(400, {"__type": "x#ValidationException", "message": WORDS}),
    "a refusal that quotes in its code": answer(400, {"__type": WORDS, "message": "no"}),
    "throttled": answer(400, {"__type": "x#ThrottlingException", "message": WORDS}),
    "an error that quotes": answer(500, {"__type": "x#InternalServerError", "message": WORDS}),
    "another server's page": answer(404, f"<html>{WORDS}</html>".encode()),
    "a proxy's page": answer(502, f"<html>{WORDS}</html>".encode()),
    "headers that quote": answer(403, b"", Location=WORDS, X_Amzn_Errortype=WORDS, Set_Cookie=WORDS),
    "an answer that is none": WORDS.encode(),
    "a status that is none": f"HTTP/1.1 {WORDS}\r\n\r\n".encode(),
    "a header that is none": f"HTTP/1.1 200 OK\r\n{WORDS}\r\n\r\n".encode(),
    "an end that comes too soon": f"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{WORDS}".encode(),
    "parts that are none": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{WORDS}\r\n".encode(),
    "what is not compressed": answer(200, WORDS.encode(), Content_Encoding="gzip"),
    "no JSON": answer(200, WORDS.encode()),
    "another kind of JSON": answer(200, [WORDS]),
    "items of another kind": answer(200, {"Items": WORDS, "Item": WORDS, "Responses": WORDS, "Table": WORDS}),
    "items that are spoilt": answer(
        200, {"Items": [{"pk": {"S": WORDS}, "sk": {"N": WORDS}, "payload": {"B": WORDS}}]}
    ),
}
OFTEN = ("a refusal that quotes", "a header that is none", "a proxy's page", "items that are spoilt")


@pytest.fixture
def store() -> Iterator[Upstream]:
    with upstream() as there:
        yield there


@pytest.mark.parametrize(
    "what", [pytest.param(each, marks=() if each in OFTEN else pytest.mark.slow) for each in ANSWERS]
)
def test_no_command_repeats_what_a_server_says(
    store: Upstream, heard: Callable[..., Heard], tmp_path: Path, what: str
) -> None:
    store.sends(ANSWERS[what])
    file = file_of(tmp_path, [json.dumps(record) for record in RECORDS])

    found = heard(("load", file), *COMMANDS, store=("--dynamodb-url", store.url))

    assert found.leaks(MARKS) == set()
