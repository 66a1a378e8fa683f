import json
import sys
from typing import Any

import pytest

from cli import listing
from cli.listing import Columns, print_one, print_rows
from cli.main import run
from tests.world import ACCOUNT, World

COLUMNS: Columns = {"name": ("nick", "name"), "when": "at", "of": "of", "empty": "nothing"}
ROWS = [
    {"name": "first", "at": "2026-04-05T14:23:11.123Z", "of": ["a", "b"], "good": True},
    {"name": "second", "at": "2026-04-06T14:23:11+02:00", "of": {"limit": 3}, "good": False},
]

Captured = pytest.CaptureFixture[str]


def state(row: Any) -> str:
    return "good" if row["good"] else "bad"


def test_a_pipe_gets_a_json_line_each_and_no_more(capsys: Captured) -> None:
    print_rows(ROWS, COLUMNS, "json", noun="row", state=state)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ROWS


def test_a_person_gets_a_table_without_empty_columns_and_a_count(capsys: Captured) -> None:
    print_rows(ROWS, COLUMNS, "table", noun="row", state=state)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip(" ─")]
    assert lines == [
        ["name", "when", "of"],
        ["first", "2026-04-05", "14:23:11", "a,", "b"],
        ["second", "2026-04-06T14:23:11+02:00", '{"limit":', "3}"],
        ["2", "rows:", "1", "bad,", "1", "good"],
    ]


def test_a_narrow_terminal_gets_the_columns_that_matter_most(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_WIDTH", 40)
    print_rows(ROWS, COLUMNS, "table", noun="row")
    out = capsys.readouterr().out
    assert "limit" not in out
    assert out.splitlines()[-2:] == ["The terminal is too narrow for: of.", "2 rows"]


@pytest.mark.parametrize("width", range(21, 36))
def test_a_column_is_left_out_before_the_cells_of_any_are_broken(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(listing, "_WIDTH", width)
    rows = [{"name": "first", "at": "key_8b7c00", "of": "third"}, {"name": "second", "at": "-", "of": "-"}]
    print_rows(rows, {"name": "name", "when": "at", "of": "of"}, "table", noun="row")
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip(" ─")]
    assert [line[0] for line in lines[:3]] == ["name", "first", "second"]
    assert lines[1][1] == "key_8b7c00"
    assert lines[1][2:] in ([], ["third"])


def test_nothing_is_counted_too(capsys: Captured) -> None:
    print_rows([], COLUMNS, "table", noun="row", state=state)
    assert capsys.readouterr().out == "0 rows\n"


def test_a_table_ends_somewhere_and_the_count_does_not(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "SHOWN", 2)
    print_rows(({"name": f"row {n}"} for n in range(1_001)), COLUMNS, "table", noun="row")
    out = capsys.readouterr().out
    assert "row 1" in out
    assert "row 2" not in out
    assert out.splitlines()[-1] == "1,001 rows; the first 2 are shown, --format json prints all"


def test_what_a_record_says_is_never_taken_for_a_command_to_the_terminal(capsys: Captured) -> None:
    hostile = "[red]\x1b[2J\x07\n\u202e"
    print_rows([{"name": hostile}], COLUMNS, "table", noun="row")
    print_one({"name": hostile}, "table")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.count("[red]\N{REPLACEMENT CHARACTER}[2J" + 3 * "\N{REPLACEMENT CHARACTER}") == 2


def test_one_row_is_a_line_a_field(capsys: Captured) -> None:
    print_one({"id": "req_1", "not_restorable": 3}, "table")
    assert capsys.readouterr().out == "id              req_1\nnot restorable  3\n"


def test_a_terminal_gets_a_table_unless_json_is_asked_for(
    world: World, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.api_key("hb_1")
    arguments = ["key", "list", "--account", ACCOUNT, "--dynamodb-url", "aws"]

    assert run(arguments) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["account_id"] == ACCOUNT

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "1 key: 1 good"
    assert "\x1b[3" not in out

    assert run([*arguments, "--format", "json"]) == 0
    assert capsys.readouterr().out == line + "\n"


def test_messages_are_shown_without_their_content_and_counted_by_state(
    world: World, capsys: Captured
) -> None:
    world.message(1, payload={"secret": 1})
    channel = {"kind": "channel_message", "sub_key": "sub-c-1", "channel": "ch", "timetoken": "17"}
    world.load(channel)
    arguments = ["dump", "--dynamodb-url", "aws", "--format", "table"]

    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert "secret" not in out
    assert out.splitlines()[-1] == "2 messages: 2 live"
    for owner, said in (("--account", ACCOUNT), ("--sub-key", "sub-c-1")):
        assert run([*arguments, owner, said]) == 0
        out = capsys.readouterr().out
        assert said in out
        assert out.splitlines()[-1] == "1 message: 1 live"
    assert run([*arguments, "--account", "a", "--sub-key", "b"]) == 2
