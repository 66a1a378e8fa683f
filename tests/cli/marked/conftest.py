"""What the tests of marked secrets in commands need."""

from collections.abc import Callable, Sequence

import pytest

from cli.log import Printable
from cli.main import run
from expunge.settings import settings
from tests.marked.marks import Heard


@pytest.fixture
def heard(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[..., Heard]:
    """Runs commands, and hears what each prints and logs, at places that are named by its first word."""
    heard = Heard()

    def after(*commands: Sequence[str], store: Sequence[str] = ("--dynamodb-url", "aws")) -> Heard:
        for command in commands:
            settings.cache_clear()
            run([*command, *(() if "--to-import" in command else store)])
            out, err = capsys.readouterr()
            heard.at(command[0], out)
            heard.at(f"{command[0]}: stderr", err)
            heard.at("log", "\n".join(map(Printable().format, caplog.records)))
            caplog.clear()
        settings.cache_clear()
        return heard

    return after
