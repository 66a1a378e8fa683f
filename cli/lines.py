"""Files of records, line by line; what is wrong in them is said with line and column."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from expunge.table.records import MAX_LINE, BadLine, Record, parse

_BOM: Final = b"\xef\xbb\xbf"

MOST_BAD_LINES: Final = 20
"""After so many bad lines, no more are looked for."""

_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:]')


class BadInput(click.ClickException):
    """A file that cannot be loaded as it is."""

    exit_code = 2


def records(
    paths: Sequence[Path], read: Callable[[int], None], content_bucket: str | None = None
) -> Iterator[Record]:
    """Yield the record of each line that is not blank, and tell `read` how many bytes each line had.

    Raises BadInput for a file that cannot be read, and after the good lines for the bad ones, with the first
    twenty of them.
    """
    bad: list[str] = []
    for path in paths:
        for number, line in enumerate(_lines(path), start=1):
            text = line.removeprefix(_BOM) if number == 1 else line
            try:
                if text.strip():
                    yield parse(text, content_bucket)
            except BadLine as error:
                bad.append(f"{named(path)}:{number}:{column(text, error)}: {error}")
                if len(bad) == MOST_BAD_LINES:
                    raise _bad_input(bad) from error
            read(len(line))
    if bad:
        raise _bad_input(bad)


def named(path: Path) -> str:
    """Call a file what a person would."""
    return "standard input" if str(path) == "-" else click.format_filename(path)


def total_size(paths: Sequence[Path]) -> int | None:
    """Add up the sizes of the files in bytes; None if a pipe is among them."""
    if not all(path.is_file() for path in paths):
        return None
    return sum(path.stat().st_size for path in paths)


def column(line: bytes, error: BadLine) -> int:
    """Tell in which character of the line it goes wrong, from 1 on."""
    cause = error.__cause__.__cause__ if error.__cause__ is not None else None
    match cause:
        case json.JSONDecodeError():
            return cause.pos + 1
        case UnicodeDecodeError():
            return len(line[: cause.start].decode()) + 1
    return 1 if error.field is None else _place(line.decode(), error.field)


def _place(line: str, field: str) -> int:
    """Find the column of a field of the line's own object, and not of one in an object inside it."""
    depth, place = 0, 1
    before = re.match("", line)
    for token in _TOKENS.finditer(line):
        text = token.group()
        if text == ":" and depth == 1 and before and json.loads(before.group()) == field:
            place = before.start() + 1
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(text, 0)
        before = token
    return place


def _bad_input(bad: Sequence[str]) -> BadInput:
    if len(bad) == 1:
        return BadInput(f"{bad[0]}; nothing was written")
    more = " or more" if len(bad) == MOST_BAD_LINES else ""
    return BadInput("\n  ".join([f"{len(bad)}{more} bad lines, nothing was written", *bad]))


def _lines(path: Path) -> Iterator[bytes]:
    """Read line by line. A line that is too long comes in pieces, so that memory stays small."""
    try:
        with click.open_file(str(path), "rb") as file:
            while line := file.readline(MAX_LINE + 1):
                yield line
    except OSError as error:
        raise BadInput(f"{named(path)} cannot be read: {error.strerror}") from error
