"""The lines that `expunge serve` prints to be pasted do what they say."""

import json
import shlex
import shutil
import subprocess
from typing import Any

import pytest

from cli import demo
from tests.cli.serving import Served, fetch, serving


@pytest.mark.slow
def test_every_printed_curl_line_deletes_and_nothing_twice() -> None:
    with serving() as served:
        lines = _curl_lines(served)[: len(demo.REQUESTS)]
        answers = [_curl(line) for line in lines * 2]
        status, errors = served.stop()
    assert [code for code, _ in answers] == [200] * 20 + [404, 200]
    data = [body["data"] for _, body in answers if "data" in body]
    assert [_deleted(each) for each in data] == [3, 1, 1, 4, 2, 1, 2, 1, 1] + [0] * 9
    greeting = "".join(served.greeting)
    assert demo.API_KEY in greeting
    assert f"  {served.url}/docs " in greeting
    assert demo.API_KEY not in errors
    assert status == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="the shell needs curl for lines that look an id up")
def test_the_printed_lines_look_a_deletion_up_undo_it_and_plan_one_as_they_are_pasted() -> None:
    with serving() as served:
        first, *_ = lines = _lines(served)
        deleted = _pasted(first)
        listed, one, messages, restored, planned, executed = map(
            _pasted, lines[len(demo.REQUESTS) :][: len(demo.LOOK_UPS)]
        )
    assert listed["data"]["deletions"][0]["id"] == one["data"]["id"] == deleted["meta"]["request_id"]
    assert one["data"]["deleted"] == len(messages["data"]["messages"]) == restored["data"]["restored"] == 3
    assert planned["data"]["matched"] == executed["data"]["deleted"] == 10


def _lines(served: Served) -> list[str]:
    """What is printed to be pasted."""
    return [line.strip() for line in served.greeting if line.strip().startswith(("curl ", "ID="))]


def _pasted(line: str) -> Any:
    bash = ["bash", "-c", line]
    return json.loads(subprocess.run(bash, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - our own line


@pytest.mark.slow
def test_the_printed_curl_line_brings_a_record_in_which_can_then_be_deleted() -> None:
    with serving() as served:
        line = _curl_lines(served)[-1].removesuffix(" ; echo")
        _, *_, url, _, body = shlex.split(line)
        assert fetch("POST", url, None, body) == (200, {"stored": 1, "rejected": []})
        status, answer = fetch("POST", url, None, f"{body}\n{{}}\n")
        assert (status, answer["stored"], [each["line"] for each in answer["rejected"]]) == (200, 1, [2])
        assert fetch("POST", url, {"Origin": "https://page.example"}, body)[0] == 403
        message = f"{served.url}/v1/inbound-messages/{json.loads(body)['id']}"
        deleted = fetch("DELETE", message, {"Authorization": f"Bearer {demo.API_KEY}"})
        assert fetch("POST", url, None, body) == (200, {"stored": 0, "rejected": []})
        again = fetch("DELETE", message, {"Authorization": f"Bearer {demo.API_KEY}"})
    assert (deleted[0], deleted[1]["data"]["already_deleted"]) == (200, False)
    assert (again[0], again[1]["data"]["already_deleted"]) == (200, True)


def _curl_lines(served: Served) -> list[str]:
    return [line.strip() for line in served.greeting if line.strip().startswith("curl ")]


def _deleted(data: dict[str, Any]) -> int:
    """How many messages a call of HookBridge's API deleted: of a filter, a batch or one by id."""
    if "already_deleted" in data:
        return 0 if data["already_deleted"] else 1
    return int(data["deleted"] if "deleted" in data else data["deleted_count"])


def _curl(line: str) -> tuple[int, Any]:
    """Do what curl would, which is not installed everywhere."""
    _, silent, _, method, url, *rest = shlex.split(line)
    options = list(zip(rest[::2], rest[1::2], strict=True))
    headers = dict(value.split(": ") for option, value in options if option == "-H")
    body = next((value for option, value in options if option == "-d"), None)
    assert silent == "-sS"
    return fetch(method, url, headers, body)
