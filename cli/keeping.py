"""Keeps the embedded engine's tables on the disk between two runs: as one file, each time written as a whole.

That suits a demo or a developer's records, not more. The file is written when the service stops, however it
stops, and every few seconds before that if something changed. If the engine's own process is killed or the
machine goes down, what came after the last time is lost.
"""

import asyncio
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from cli.failure import of_the_system
from cli.form import complaint, known

log = logging.getLogger(__name__)

EVERY: Final = 5
"""Seconds after which it is checked again whether something has changed."""

LOST: Final = 3
"""Exit status of an engine that could not write its records when it ended."""

_GOES_ON: Final = f"It is tried again every {EVERY} seconds: make room, or see to what is wrong."

_PATIENCE: Final = 10
"""Seconds that the engine of an earlier service has to write its records and end."""

_READS: Final = (b"Get", b"BatchGet", b"TransactGet", b"Query", b"Scan", b"Describe", b"List")


def claim(folder: Path) -> int:
    """Claim a folder for an engine, make it if need be, and return the number of the file that is the claim.

    The claim ends when every process that has the number has ended. Raises ClickException if another engine
    has the folder, or its records are of another form.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = os.open(folder / "claim", os.O_RDWR | os.O_CREAT, 0o600)
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > end:
                raise click.ClickException(
                    f"another `expunge serve` keeps its records in {folder}; stop it, or name another folder"
                ) from None
            time.sleep(0.1)
    form = folder / "form"
    if form.exists() and (said := complaint(form.read_text().strip())):
        raise click.ClickException(f"{folder}: {said}")
    form.write_text(f"{known()}\n")
    return number


def environment(folder: Path) -> dict[str, str]:
    """Return the variables that have the engine's process keep its records there."""
    return {
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
    }


class Unkept(Exception):
    """Records were not read or not written; the message says why."""


@contextmanager
def _or_unkept(what: str) -> Iterator[None]:
    """Raise what ministack logs instead of raising it: what it did not do with a file, and why."""
    said = _Said()
    theirs = logging.getLogger("persistence")
    theirs.addHandler(said)
    theirs.propagate = False
    try:
        yield
    finally:
        theirs.removeHandler(said)
        theirs.propagate = True
    if said.why is not None:
        raise Unkept(f"{what} ({said.why})")


class _Said(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.why: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        match next((each for each in record.args or () if isinstance(each, Exception)), None):
            case OSError() as error:
                self.why = of_the_system(error)
            case None:  # the one thing that it refuses by itself
                self.why = "a later version of ministack has written it"
            case error:
                self.why = type(error).__name__


class Keeper:
    """Reads the tables when the engine starts and writes them from time to time, in the engine's process."""

    def __init__(self) -> None:
        from ministack.core import persistence  # type: ignore[import-untyped] # noqa: PLC0415 - slow, and no types
        from ministack.services import dynamodb, s3  # type: ignore[import-untyped] # noqa: PLC0415

        self._persistence = persistence
        self._services = {"dynamodb": dynamodb, "s3": s3}
        self._changed = False

    def read(self) -> None:
        """Read what is there. Raises Unkept if it cannot be read, lest it be written over."""
        for name, service in self._services.items():
            path = self._path(name)
            with _or_unkept(f"{path} cannot be read"):
                state = self._persistence.load_state(name)
            if state is None and path.exists():
                raise Unkept(f"{path} cannot be read (it holds nothing)")
            service.load_persisted_state(state)

    def _path(self, name: str) -> Path:
        return Path(self._persistence.STATE_DIR) / f"{name}.json"

    def note(self, target: bytes) -> None:
        """Note a request by its x-amz-target: unless it only reads, there may be something to write."""
        if not target.rpartition(b".")[2].startswith(_READS):
            self._changed = True

    def write(self) -> None:
        """Write all that is there. Raises Unkept."""
        for name, service in self._services.items():
            with _or_unkept(f"{self._path(name)} cannot be written"):
                self._persistence.save_state(name, service.get_state())
        self._changed = False

    async def write_often(self) -> None:
        """Write from time to time, for ever. The first time that it fails is logged, and when it is over."""
        failing = False
        while True:
            await asyncio.sleep(EVERY)
            if not self._changed:
                continue
            try:
                self.write()
            except Unkept as error:
                if not failing:
                    log.warning("%s. What is new is in memory only. %s", error, _GOES_ON)
                failing = True
            else:
                if failing:
                    log.warning("All records are written again.")
                failing = False


def write_and_end(loop: asyncio.AbstractEventLoop, write: Callable[[], None]) -> None:
    """Write once more between two requests, and end the process. For another thread than the loop's."""
    status = LOST
    written = threading.Event()

    def last() -> None:
        nonlocal status
        try:
            write()
            status = 0
        except Unkept as error:
            log.error("%s. What changed since it last was is lost.", error)  # noqa: TRY400 - it says enough
        finally:
            written.set()

    loop.call_soon_threadsafe(last)
    written.wait()
    os._exit(status)
