import io
import json
import sys
from pathlib import Path

import pytest

from cli.lines import BadInput, records
from cli.main import run

GOOD = {"kind": "pull_endpoint", "account_id": "acc_1", "id": "01961e00-0000-7000-8000-000000000009"}
AWS = ("--dynamodb-url", "aws")


def complaint(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        list(records([path], lambda _: None))
    return caught.value.message


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ('{"kind":}', 9, "the line is not JSON"),
        ('{"kind":"pull_endpoint","id":NaN}', 1, "the line is not JSON"),
        ("[]", 1, "the line must be a JSON object"),
        ('{"kin":1}', 1, 'the line lacks "kind"'),
        ('{"a":1,"kind":"pull"}', 8, "kind must be one of "),
        ('{"kind":"pull_endpoint","nmae":"x"}', 25, 'pull_endpoint has no field "nmae"'),
        ('{"kind":"pull_endpoint","account_id":"acc_1"}', 1, 'pull_endpoint lacks "id"'),
        ('{"kind":"pull_endpoint", "name":"é\\"", "account_id":"a b"}', 40, "account_id must be "),
        (
            '{"kind":"pull_endpoint","x":{"account_id":["account_id:"]},"account_id":"a"}',
            25,
            "pull_endpoint has",
        ),
        (
            '{"kind":"keyset","sub_key":"s","pub_key":"sub_key:","access_manager":1}',
            53,
            "access_manager must be",
        ),
    ],
)
def test_a_bad_line_is_named_by_file_line_and_column(
    tmp_path: Path, line: str, column: int, reason: str
) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{line}\n")
    said = complaint(path)
    assert said.startswith(f"{path}:2:{column}: {reason}"), said
    assert said.endswith("; nothing was written")


def test_what_is_no_utf_8_is_found_by_its_column(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes('{"kind":"é'.encode() + b'\xff"}')
    assert complaint(path) == f"{path}:1:11: the line is not UTF-8; nothing was written"


def test_all_bad_lines_are_named_up_to_twenty(tmp_path: Path) -> None:
    few, many = tmp_path / "few.jsonl", tmp_path / "many.jsonl"
    few.write_text(f"[]\n{json.dumps(GOOD)}\nx\n")
    many.write_text("x\n" * 21)

    assert complaint(few) == (
        "2 bad lines, nothing was written\n"
        f"  {few}:1:1: the line must be a JSON object\n"
        f"  {few}:3:1: the line is not JSON"
    )
    said = complaint(many).splitlines()
    assert said[0] == "20 or more bad lines, nothing was written"
    assert said[-1] == f"  {many}:20:1: the line is not JSON"
    assert len(said) == 21


@pytest.mark.usefixtures("world")
def test_the_standard_input_is_called_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x")))
    assert run(["load", *AWS, "-"]) == 2
    sentence = "standard input:1:1: the line is not JSON; nothing was written"
    assert capsys.readouterr() == ("", f"expunge: {sentence}\n")
