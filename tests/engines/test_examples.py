"""The examples in Python that pages show do what the pages say, against the running service."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from cli.demo import RECORDS
from cli.main import run
from tests.pages import blocks
from tests.test_commands import is_ours, shown

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parent.parent.parent
README: Final = ROOT / "README.md"
SHOWN: Final = "127.0.0.1:3000"


@pytest.fixture
def address(api: str, dynamodb_url: str) -> str:
    """Where a service listens that has the demo records."""
    assert run(["load", str(RECORDS), "--dynamodb-url", dynamodb_url]) == 0
    return api.removeprefix("http://")


def printed(program: str, address: str) -> str:
    assert SHOWN in program
    arguments = [sys.executable, "-c", program.replace(SHOWN, address)]
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603


def test_the_clients_of_the_apis_print_what_the_pages_say(address: str) -> None:
    for each in shown(README):
        if is_ours(each.command):
            command = each.command.replace(SHOWN, address)
            subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)  # noqa: S602 - our page's
    [example] = blocks(README.read_text(), "python")
    assert "This prints 2, 2, 1 and 200" in README.read_text().replace("\n", " ")
    assert printed(example, address).split() == ["2", "2", "1", "200"]

    [example] = blocks((ROOT / "docs" / "api.md").read_text(), "python")
    assert printed(example, address) == ""
