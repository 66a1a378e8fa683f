"""How commands print lists: a table for a person who watches, JSON lines for a pipe."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, get_args

import click

if TYPE_CHECKING:
    from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., Any])
Row = Mapping[str, Any]
Columns = Mapping[str, str | tuple[str, ...]]
"""The heading of each column to the field that it shows, or to several fields of which a row has one. Columns
that matter most come first."""

Format = Literal["table", "json"]

SHOWN: Final = 500
"""Rows that a table has at most; the count below it is of all."""

_FEWEST: Final = 2
"""Columns that a table has however narrow the terminal."""

_GAP: Final = 2
"""Blanks that each column ends with."""

_EDGE: Final = 1
"""Blanks before each column, and once more at the end of a line."""

_WIDTH: Final = 160
"""Characters of a table that goes to a file or a pager."""


def format_option(command: Command) -> Command:
    """Add ``--format`` to a click command, which is passed a `Format`."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(get_args(Format)),
        default=lambda: "table" if sys.stdout.isatty() else "json",
        show_default="table on a terminal, else json",
        help="A table, or a JSON object a line.",
    )(command)


def print_rows(
    rows: Iterable[Row],
    columns: Columns,
    form: Format,
    *,
    noun: str,
    state: Callable[[Row], str] | None = None,
) -> None:
    """Print rows as they come, as JSON lines; or the first of them in a table, and how many there are.

    Columns that would be empty are left out of the table. If the terminal is too narrow, so are the last
    columns, and a line says so. `noun` is what a row is called. If `state` is given, it tells the state of a
    row, and rows are counted by state.
    """
    if form == "json":
        for row in rows:
            click.echo(json.dumps(row))
        return
    all_rows = iter(rows)
    shown = list(islice(all_rows, SHOWN))
    counted: Counter[str] = Counter()
    total = 0
    for row in _both(shown, all_rows):
        total += 1
        if state is not None:
            counted[state(row)] += 1
    if shown:
        _print_table(shown, columns)
    click.echo(_summary(total, len(shown), noun, counted))


def print_one(row: Row, form: Format) -> None:
    """Print one row: as a JSON line, or with a line for each field."""
    if form == "json":
        click.echo(json.dumps(row))
        return
    width = max(len(name) for name in row)
    for name, value in row.items():
        click.echo(f"{click.style(name.replace('_', ' ').ljust(width), bold=True)}  {plain(value)}")


def plain(value: Any) -> str:
    """Show a field's value in one line, without anything that a terminal might take for a command."""
    match value:
        case None:
            text = ""
        case str():
            text = value
        case bool():
            text = "yes" if value else "no"
        case list():
            text = ", ".join(map(plain, value))
        case _:
            text = json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def time(text: str) -> str:
    """Shorten an RFC 3339 time in UTC to the second, for a column that says UTC; leave any other as it is."""
    return text[:19].replace("T", " ") if text.endswith("Z") else text


def number(count: int, noun: str) -> str:
    """Say how many: "1 record", "1,200 records"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _both(first: Iterable[Row], second: Iterable[Row]) -> Iterable[Row]:
    yield from first
    yield from second


def _summary(total: int, shown: int, noun: str, counted: Mapping[str, int]) -> str:
    said = number(total, noun)
    if counted:
        said += ": " + ", ".join(f"{count:,} {state}" for state, count in sorted(counted.items()))
    if shown < total:
        said += f"; the first {shown:,} are shown, --format json prints all"
    return said


def _print_table(rows: Iterable[Row], columns: Columns) -> None:
    from rich import box  # noqa: PLC0415 - takes a tenth of a second to import, which a pipe need not wait for
    from rich.cells import cell_len  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    headings, console = list(columns), _console()
    cells = [[_cell(row, fields) for fields in columns.values()] for row in rows]
    used = [at for at in range(len(columns)) if any(row[at] for row in cells)]
    widths = [max(cell_len(text) for text in (headings[at], *(row[at] for row in cells))) for at in used]
    fitting = next((n for n in range(len(used), _FEWEST, -1) if _width(widths[:n]) <= console.width), _FEWEST)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, _GAP, 0, 0))
    for at in used[:fitting]:
        # What does not fit goes on in the next line: an id that is cut off cannot be copied.
        table.add_column(headings[at], overflow="fold")
    for row in cells:
        table.add_row(*(Text(row[at]) for at in used[:fitting]))
    console.print(table)
    if used[fitting:]:
        left_out = ", ".join(headings[at] for at in used[fitting:])
        click.echo(f"The terminal is too narrow for: {left_out}.")


def _width(columns: Sequence[int]) -> int:
    return sum(columns) + len(columns) * (_GAP + _EDGE) + _EDGE


def _cell(row: Row, fields: str | tuple[str, ...]) -> str:
    names = (fields,) if isinstance(fields, str) else fields
    text = plain(next((row[name] for name in names if name in row), None))
    return time(text) if _is_time(text) else text


def _is_time(text: str) -> bool:
    return len(text) >= len("2026-04-05T14:23:11Z") and text[4::3].startswith("-") and text[10] == "T"


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415 - as above

    return Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
