"""The commands in docs/operating.md that an operator needs in a hurry do what the page says."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from delete_inbound_messages import handler as delete_all
from tests.curl import curl
from tests.pages import blocks
from tests.world import World, call, message_id

PAGE = (Path(__file__).parent.parent / "docs" / "operating.md").read_text()
SECTIONS = ("What to look at when", "The purge", "Holds", "Looking deletions up and undoing them")

Capture = pytest.CaptureFixture[str]


def commands(section: str) -> list[list[str]]:
    """The arguments of each `expunge` line in a section's blocks, without the remarks."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line for block in blocks(text, "console") for line in block.splitlines()]
    assert lines, f"docs/operating.md has no commands under {section}"
    assert all(line.startswith("$ expunge ") for line in lines)
    return [shlex.split(line.removeprefix("$ expunge "), comments=True) for line in lines]


def follow(section: str, capsys: Capture, **ids: str) -> dict[str, list[Any]]:
    """Run a section's commands in order; what each printed, by its first words."""
    printed: dict[str, list[Any]] = {}
    for arguments in commands(section):
        filled = [ids.get(each, each) for each in arguments]
        assert run([*filled, "--dynamodb-url", "aws"]) == 0, f"expunge {shlex.join(filled)} failed"
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        printed[" ".join(arguments[:2])] = found
        if arguments[:2] == ["hold", "place"]:
            ids["HOLD_ID"] = found[0]["id"]
    return printed


@pytest.fixture
def request_id(world: World) -> str:
    """A deletion of one message."""
    world.api_key()
    world.message(1)
    return call(delete_all).headers["x-request-id"]


@pytest.mark.usefixtures("request_id")
@pytest.mark.parametrize("section", SECTIONS[:3])
def test_every_command_works(section: str, world: World, capsys: Capture) -> None:
    follow(section, capsys)

    assert world.deleted() == {message_id(1)}


def test_a_mistaken_deletion_is_undone(world: World, capsys: Capture, request_id: str) -> None:
    printed = follow(SECTIONS[3], capsys, REQUEST_ID=request_id)

    assert printed["deletions REQUEST_ID"][0]["deleted"] == 1
    assert printed["restore REQUEST_ID"] == [{"restored": 1}]
    assert world.live() == {message_id(1)}


def test_the_first_minutes_of_a_stack_end_with_what_was_deleted_restored(
    world: World, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = PAGE.partition("\n## The first minutes of a stack\n")[2].partition("\n## ")[0]
    [records], [block] = blocks(section, "json"), blocks(section, "console")
    (tmp_path / "first.jsonl").write_text(records)
    monkeypatch.chdir(tmp_path)
    ids: dict[str, str] = {"$ApiUrl": "https://api.example.com"}
    answers = []
    for line in block.splitlines():
        command = line.removeprefix("$ ")
        for name, value in ids.items():
            command = command.replace(name, value)
        if command.startswith("expunge "):
            assert run(shlex.split(command)[1:]) == 0
            last = capsys.readouterr().out.splitlines()[-1]
            if "key create" in command:
                ids["KEY"] = json.loads(last)["key"]
        else:
            answers.append(json.loads(curl(command)))
            ids.setdefault("REQUEST_ID", answers[0]["meta"]["request_id"])

    deleted, looked_up, restored = answers
    [message] = deleted["data"]["deleted_message_ids"]
    assert looked_up["data"]["deleted"] == 1
    assert restored["data"]["restored_ids"] == [json.loads(last)["id"]] == [message]
    assert world.live() == {message}


@pytest.mark.usefixtures("request_id")
def test_a_purge_is_looked_into_and_stopped(capsys: Capture) -> None:
    printed = follow("The purge", capsys)

    [counted] = printed["purge --dry-run"]
    assert (counted["due"], counted["by_account"]) == (1, {"acc_1": 1})
    [status] = printed["purge status"]
    assert (status["paused"], status["by"]) == (True, "your name")
    assert printed["purge resume"][0]["paused"] is False
