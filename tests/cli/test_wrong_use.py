"""What the command says of itself, and of what it does not know."""

import re
import subprocess
import sys

import pytest

from cli.main import COMMANDS, run


def test_help_lists_every_command_without_importing_any() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "from cli.main import main; main()", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name, (_, summary) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(summary)}$", done.stdout, re.MULTILINE)
    assert not re.search(r"\b(boto3|hypercorn)\b", done.stderr)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing"], "No such command 'nothing'. See `expunge --help`."),
        (["dump", "extra"], "Got unexpected extra argument (extra). See `expunge dump --help`."),
        (["dmup"], "No such command 'dmup'. Did you mean 'dump'? See `expunge --help`."),
        (
            ["dump", "--sate", "live"],
            (
                "No such option '--sate'. (Did you mean one of: '--state', '--table'?)"
                " See `expunge dump --help`."
            ),
        ),
        (["serve", "--port", "x"], "Invalid value for '--port': 'x' is not a valid integer range."),
        (["serve", "--load", "/no/such"], "Invalid value for '--load': File '/no/such' does not exist."),
        (
            ["serve", "--dynamodb-url", "localhost:8000"],
            "Invalid value for '--dynamodb-url': 'localhost:8000' is neither an http(s) URL nor \"aws\".",
        ),
        (["serve", "--provider-url", "x"], "Invalid value for '--provider-url': 'x' is not an http(s) URL."),
        (
            ["serve", "--provider-url", "http://"],
            "Invalid value for '--provider-url': 'http://' is not an http(s) URL.",
        ),
    ],
)
def test_wrong_use_is_said_in_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr() == ("", f"expunge: {sentence}\n")
