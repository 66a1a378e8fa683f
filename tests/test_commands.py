"""Every command that a page shows is tried; where a page shows an answer, this is what is answered."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from cli.demo import RECORDS
from expunge import settings
from expunge.linked import providers
from tests.curl import curl
from tests.pages import blocks
from tests.test_docs import PAGES, ROOT, named
from tests.upstream import upstream
from tests.world import World

API: Final = "http://127.0.0.1:3000/v"

REQUEST_ID: Final = re.compile(r"req_[\w-]{15}")

ELSEWHERE: Final = {
    "make run": "tests/cli/test_serve.py starts what it starts",
    "make test": "it runs this",
    "make install": "it runs in what that has set up",
    "make check": "it is no test",
    "make deploy": "needs AWS; tests/deploy/test_stack.py deploys the same template to an engine",
    ".venv-sam/bin/sam local": "tests/deploy/test_sam_local.py runs it where there is Docker",
    ".venv/bin/expunge serve": "tests/cli/test_serve.py and test_keeping.py start it with these options",
    ".venv/bin/expunge console": "tests/cli/test_console.py starts it",
    ".venv/bin/expunge load": "tests/cli/test_load.py and test_load_to_import.py load smaller files",
    ".venv/bin/expunge dump": "tests/cli/test_dump.py",
    "expunge ": "tests/test_operating.py follows the page",
    'curl -sS -X POST "$ApiUrl': "tests/test_operating.py follows the page",
    'curl -sS "$ApiUrl': "tests/test_operating.py follows the page",
    "curl -sSN http://127.0.0.1:3000/events": "tests/cli/test_served_events.py listens",
    "curl -sS -X POST http://127.0.0.1:3000/records": "tests/cli/test_printed_lines.py sends records there",
    "aws ": "needs AWS",
}
"""Commands that are not run here, by how they begin, and why not."""


@dataclass
class Shown:
    """A command of a page, and the lines that it is shown to print."""

    command: str
    printed: list[str] = field(default_factory=list)


def shown(page: Path) -> Iterator[Shown]:
    for block in blocks(page.read_text(), "console"):
        there: list[Shown] = []
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                there.append(Shown(line.removeprefix("$ ")))
            else:
                assert there, f"{named(page)}: a console block begins with what no command printed: {line}"
                there[-1].printed.append(line)
        yield from there


def is_ours(command: str) -> bool:
    return command.startswith("curl ") and API in command


class Names:
    """Request ids and moments are others each time; here they get a name by when they first came."""

    _EACH: Final = re.compile(r"req_[\w-]{15}|key_[0-9a-f]{20}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, text: str) -> Any:
        named = self._EACH.sub(lambda found: self._known.setdefault(found[0], self._name(found[0])), text)
        return json.loads(named)

    def _name(self, found: str) -> str:
        return "a moment" if found.endswith("Z") else f"{found[:4]}{len(self._known)}"


@pytest.fixture
def _demo(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What `make run` starts with: its records, and a provider that says yes."""
    world.load(*map(json.loads, RECORDS.read_text().splitlines()))
    with upstream() as there:
        settings.provider.cache_clear()
        monkeypatch.setenv("WHATSAPP_BASE_URL", there.url)
        monkeypatch.setenv("WHATSAPP_KEY_NAME", "/key")
        monkeypatch.setattr(providers, "provider_key", lambda name: name)
        yield
        settings.provider.cache_clear()


@pytest.mark.usefixtures("_demo")
@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "api.md"], ids=named)
def test_a_page_shows_what_is_answered(page: Path) -> None:
    ids: dict[str, str] = {}
    there, here = Names(), Names()
    for each in shown(page):
        if not is_ours(each.command):
            continue
        command = each.command
        for shown_id, id_ in ids.items():
            command = command.replace(shown_id, id_)
        answer = curl(command)
        [line] = each.printed
        assert here.of(answer) == there.of(line), each.command
        ids |= zip(REQUEST_ID.findall(line), REQUEST_ID.findall(answer), strict=True)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_is_run_or_there_is_a_reason_not_to(page: Path) -> None:
    for each in shown(page):
        if not is_ours(each.command):
            assert each.command.startswith(tuple(ELSEWHERE)), (
                f"{named(page)} shows `{each.command}`, which no test runs"
            )


@pytest.mark.slow
def test_bash_completes_words_as_the_readme_says(tmp_path: Path) -> None:
    [line] = re.findall(r"`(eval [^`]+)`", (ROOT / "README.md").read_text())
    complete = "COMPREPLY=(); _expunge_completion expunge; echo ${COMPREPLY[@]}"
    script = "\n".join(
        [
            line,
            f"COMP_WORDS=(expunge del); COMP_CWORD=1; {complete}",
            f"COMP_WORDS=(expunge hold ''); COMP_CWORD=2; {complete}",
            f"COMP_WORDS=(expunge dump --sta); COMP_CWORD=2; {complete}",
        ]
    )
    found = subprocess.run(  # noqa: S603 - the line of our own page
        ["bash", "--norc", "-c", script],  # noqa: S607 - whichever is there
        env={"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert found.stdout.splitlines() == ["deletions", "list place release", "--state"]
