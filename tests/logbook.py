"""What the service logs, held to docs/logs.md."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from expunge.telemetry import logger

_PAGE = Path(__file__).parent.parent / "docs" / "logs.md"
_ROW = re.compile(r"\| (`{1,2})(?P<message>.+)\1 \| (?P<level>[A-Z]+) \| (?P<fields>.*?) ?\| .+ \|")
_OF_ANY_RECORD = {*vars(logging.makeLogRecord({})), "message", "asctime"}

Kind = tuple[str, str]
"""A message and its level."""


def described() -> dict[Kind, tuple[set[str], set[str]]]:
    """The lines of the page: which fields each has, and which ones it may have."""
    rows = [_ROW.fullmatch(line) for line in _PAGE.read_text().splitlines()]
    found = {}
    for message, level, fields in (row.group("message", "level", "fields") for row in rows if row):
        has, _, may_have = (set(re.findall(r"`(\w+)`", part)) for part in fields.partition("; if any: "))
        found[message, level] = has, has | may_have
    return found


class _Reader(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.astray: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != logger.name:  # the library's, which a program that imports it has in its own log
            return
        fields = vars(record).keys() - _OF_ANY_RECORD
        has, may_have = _DESCRIBED.get((record.msg, record.levelname), ({""}, set()))
        if not has <= fields <= may_have:
            self.astray.append(f"{record.levelname} {record.msg!r} with {sorted(fields)}")


_DESCRIBED = described()


@contextmanager
def read() -> Iterator[None]:
    """Fail if meanwhile something is logged that the page does not describe."""
    reader = _Reader()
    logger.addHandler(reader)
    try:
        yield
    finally:
        logger.removeHandler(reader)
    assert not reader.astray, f"docs/logs.md does not describe: {', '.join(reader.astray)}"
