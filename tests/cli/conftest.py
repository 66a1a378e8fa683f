"""What several of the command's tests need."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.console.application import About, Console
from cli.main import run
from tests.cli.browsing import api
from tests.cli.damage import Line
from tests.cli.loading import Files, Record
from tests.world import World


@pytest.fixture
def file(tmp_path: Path) -> Files:
    """Writes a file of records."""

    def write_file(*records: Record, name: str = "records.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return path

    return write_file


@pytest.fixture
def checked(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, list[Line]]]:
    """Exit status and lines of a check, in the order of the keys."""

    def run_check(*options: str) -> tuple[int, list[Line]]:
        status = run(["check", "--dynamodb-url", "aws", *options])
        out, err = capsys.readouterr()
        assert err == ""
        lines = [json.loads(line) for line in out.splitlines()]
        return status, sorted(lines, key=lambda line: (line["pk"], line["sk"]))

    return run_check


@pytest.fixture
def console(world: World) -> Console:
    return Console(api, About(api="http://127.0.0.1:3000", demo=True), world.store)
