import sys

import pytest

from cli.main import run
from cli.progress import Stopped, bar, stoppable

Captured = pytest.CaptureFixture[str]


def test_ctrl_c_says_how_to_go_on_and_ends_with_130() -> None:
    with pytest.raises(Stopped) as stopped, stoppable("the same command goes on"):
        raise KeyboardInterrupt
    assert stopped.value.exit_code == 130
    assert stopped.value.message == "stopped; the same command goes on"


@pytest.mark.usefixtures("world")
def test_ctrl_c_while_a_command_works_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.load.records", interrupted)
    monkeypatch.setattr("cli.key.places", interrupted)

    assert run(["load", "-", "--dynamodb-url", "aws"]) == 130
    assert capsys.readouterr() == (
        "",
        "expunge: stopped; nothing was written, the same command begins again\n",
    )
    assert run(["key", "list", "--dynamodb-url", "aws"]) == 130
    assert capsys.readouterr() == ("", "\nexpunge: stopped\n")  # the terminal has printed ^C


def test_a_bar_tells_how_many_and_how_fast(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    now = iter(range(100))
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    with bar("writing", 2_000, shown=True, unit="records") as advance:
        for _ in range(2):
            advance(1_000)
    assert "2,000 of 2,000 records, " in capsys.readouterr().err


def test_a_bar_goes_away_where_something_fails(capsys: Captured) -> None:
    with (
        pytest.raises(ValueError, match="invalid literal"),
        bar("writing", 2, shown=True, unit="records") as advance,
    ):
        advance(int("bad"))
    assert capsys.readouterr().err == "\n"


def test_a_bar_that_nobody_watches_prints_nothing(capsys: Captured) -> None:
    with bar("writing", None, shown=sys.stderr.isatty()) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")
