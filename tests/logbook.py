"""What the service logs and measures, held to docs/logs.md."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.metrics import MetricUnit

from expunge import telemetry
from expunge.telemetry import logger

_PAGE = Path(__file__).parent.parent / "docs" / "logs.md"
_ROW = re.compile(r"\| (`{1,2})(?P<message>.+)\1 \| (?P<level>[A-Z]+) \| (?P<fields>.*?) ?\| .+ \|")
_OF_ANY_RECORD = {*vars(logging.makeLogRecord({})), "message", "asctime"}

_METRICS = re.compile(r"\| ((?:`[A-Z]\w+`(?:, )?)+) \| ((?:`[a-z]+`(?:, )?)+) \| (.+) \|")

Kind = tuple[str, str]
"""A message and its level."""

Metric = tuple[str, str]
"""A name and a family."""


def described() -> dict[Kind, tuple[set[str], set[str]]]:
    """The lines of the page: which fields each has, and which ones it may have."""
    rows = [_ROW.fullmatch(line) for line in _PAGE.read_text().splitlines()]
    found = {}
    for message, level, fields in (row.group("message", "level", "fields") for row in rows if row):
        has, _, may_have = (set(re.findall(r"`(\w+)`", part)) for part in fields.partition("; if any: "))
        found[message, level] = has, has | may_have
    return found


def metrics() -> dict[Metric, str]:
    """The metrics of the page by name and family, with what the page says."""
    rows = [_METRICS.fullmatch(line) for line in _PAGE.read_text().splitlines()]
    return {
        (name, family): row[3]
        for row in rows
        if row
        for name in re.findall(r"\w+", row[1])
        for family in re.findall(r"\w+", row[2])
    }


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

    def measure(self, family: str, unit: MetricUnit, values: Mapping[str, float]) -> None:
        for name in values:
            said = _METRICS_DESCRIBED.get((name, family))
            if said is None or said.startswith("Seconds") != (unit is MetricUnit.Seconds):
                self.astray.append(f"metric {name} of {family} in {unit}")


_DESCRIBED = described()
_METRICS_DESCRIBED = metrics()


@contextmanager
def read() -> Iterator[None]:
    """Fail if meanwhile something is logged or measured that the page does not describe."""
    reader = _Reader()
    publish = telemetry._publish  # noqa: SLF001 - every metric goes through it

    def published(*metric: Any) -> None:
        reader.measure(*metric)
        publish(*metric)

    log = logging.getLogger(logger.name)
    log.addHandler(reader)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(telemetry, "_publish", published)
            yield
    finally:
        log.removeHandler(reader)
    assert not reader.astray, (
        f"docs/logs.md does not describe, in a row with that level and fields: {', '.join(reader.astray)}"
    )
