"""A browser, where there is one, and what holds for all that is shown in it."""

import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")

IN_A_BROWSER = [
    pytest.mark.engine,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed; CHROMIUM names one"),
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None, reason="`make browser` has not been run"
    ),
]

EXPUNGE = Path(sys.executable).with_name("expunge")
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>\u202e'&"
VISIBLE = HOSTILE.replace(" ", "/").replace("\u202e", "")
"""For what may hold neither blanks nor anything but ASCII."""

Page = Any
"""Playwright's, which is not there where types are checked."""


@contextmanager
def running(*command: str) -> Iterator[str]:
    """A command of ours; yields the address that it says it listens on."""
    with subprocess.Popen([str(EXPUNGE), *command], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            line = ""
            while not (found := re.match(r"expunge (?:listening|console) on (\S+)", line)):
                line = process.stdout.readline()
                assert line
            yield found[1]
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0


def show_in(page: Page, scheme: str, width: int) -> None:
    """Have it drawn in light or dark colours, on a screen of that width."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})


def assert_readable(page: Page, where: str) -> None:
    """axe finds nothing in what is shown, and nothing of it is wider than the screen."""
    axe = importlib.import_module("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page).response["violations"]
    assert [(where, each["id"], each["nodes"][0]["html"]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where
