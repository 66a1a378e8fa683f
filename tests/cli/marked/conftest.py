"""What the tests of marked secrets in commands need."""

from collections.abc import Callable, Sequence

import pytest

from cli.main import run
from expunge.settings import settings
from tests.marked.marks import Heard

AWS = ("--dynamodb-url", "aws")


@pytest.fixture
def heard(capsys: pytest.CaptureFixture[str]) -> Callable[..., Heard]:
    """Runs commands, and hears what they print at the place that is named like the first word of each."""
    heard = Heard()

    def after(*commands: Sequence[str]) -> Heard:
        for command in commands:
            settings.cache_clear()
            run([*command, *(() if "--to-import" in command else AWS)])
            heard.at(command[0], "\n".join(capsys.readouterr()))
        settings.cache_clear()
        return heard

    return after
