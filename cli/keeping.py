"""Keeps the embedded engine's tables on the disk between two runs: as one file, each time written as a whole.

That suits a demo or a developer's records, not more. The file is written when the service stops, however it
stops, and every few seconds before that if something changed. If the engine's own process is killed or the
machine goes down, what came after the last time is lost.
"""

import asyncio
import fcntl
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from cli.form import complaint, known

EVERY: Final = 5
"""Seconds after which it is checked again whether something has changed."""

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


class Keeper:
    """Reads the tables when the engine starts and writes them from time to time, in the engine's process."""

    def __init__(self) -> None:
        from ministack.core import persistence  # type: ignore[import-untyped] # noqa: PLC0415 - slow, and no types
        from ministack.services import dynamodb, s3  # type: ignore[import-untyped] # noqa: PLC0415

        self._persistence = persistence
        self._services = {"dynamodb": dynamodb, "s3": s3}
        self._changed = False

    def read(self) -> None:
        """Read what is there. Raises RuntimeError if it cannot be read, lest it be written over."""
        for name, service in self._services.items():
            path = Path(self._persistence.STATE_DIR) / f"{name}.json"
            state = self._persistence.load_state(name)
            if state is None and path.exists():
                raise RuntimeError(f"{path} cannot be read; move it away to begin with an empty table")
            service.load_persisted_state(state)

    def note(self, target: bytes) -> None:
        """Note a request by its x-amz-target: unless it only reads, there may be something to write."""
        if not target.rpartition(b".")[2].startswith(_READS):
            self._changed = True

    def write(self) -> None:
        """Write all that is there."""
        self._changed = False
        for name, service in self._services.items():
            self._persistence.save_state(name, service.get_state())

    async def write_often(self) -> None:
        """Write from time to time, for ever."""
        while True:
            await asyncio.sleep(EVERY)
            if self._changed:
                self.write()


def write_and_end(loop: asyncio.AbstractEventLoop, write: Callable[[], None]) -> None:
    """Write once more between two requests, and end the process. For another thread than the loop's."""
    written = threading.Event()

    def last() -> None:
        try:
            write()
        finally:
            written.set()

    loop.call_soon_threadsafe(last)
    written.wait()
    os._exit(0)
