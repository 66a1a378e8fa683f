"""What the benchmarks share: an engine to measure on, and a table of what was found and what must be."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import click

from cli import server
from cli.embedded import Embedded
from cli.progress import bar, watched


class Row(NamedTuple):
    """A line of the table."""

    what: str
    found: str
    must: str
    holds: bool


dynamodb_option = click.option("--dynamodb-url", metavar="URL", help="An engine instead of the embedded one.")


@contextmanager
def engine_at(dynamodb_url: str | None) -> Iterator[str]:
    """Yields the address of the engine to measure on: the one that is named, or else an embedded one."""
    if dynamodb_url is not None:
        yield dynamodb_url
        return
    with Embedded(server.listen(0, "--dynamodb-port")) as embedded:
        yield embedded.url


def show(measure: Callable[[str], Iterable[Row]], dynamodb_url: str | None) -> None:
    """Print the table, line by line as they are known; exit with 1 if something that must hold does not."""
    print("| what | measured | must be | holds |\n| --- | --- | --- | --- |")
    failed = False
    with (
        engine_at(dynamodb_url) as url,
        bar("measuring", None, shown=watched(), unit="figures") as advance,
    ):
        for row in measure(url):
            failed |= not row.holds
            print(f"| {row.what} | {row.found} | {row.must} | {'yes' if row.holds else 'NO'} |", flush=True)
            advance(1)
    sys.exit(failed)


def table_of(measure: Callable[[str], Iterable[Row]]) -> click.Command:
    """The command of a benchmark that takes no option but the engine."""

    @click.command(help="Print the table; exit with 1 if something that must hold does not.")
    @dynamodb_option
    def command(dynamodb_url: str | None) -> None:
        show(measure, dynamodb_url)

    return command
