"""What the benchmarks share: an engine to measure on, and a table of what was found and what must be."""

import sys
from collections.abc import Callable, Iterable
from contextlib import closing, nullcontext
from typing import NamedTuple

from cli import server
from cli.embedded import Embedded
from cli.progress import bar, watched


class Row(NamedTuple):
    """A line of the table."""

    what: str
    found: str
    must: str
    holds: bool


def show(measure: Callable[[str], Iterable[Row]], dynamodb_url: str | None) -> None:
    """Print the table, line by line as they are known; exit with 1 if something that must hold does not.

    Measures on the engine at that address, or on an embedded one.
    """
    print("| what | measured | must be | holds |\n| --- | --- | --- | --- |")
    engine = None if dynamodb_url else Embedded(server.listen(0, "--dynamodb-port"))
    failed = False
    with (
        closing(engine) if engine else nullcontext(),
        bar("measuring", None, shown=watched(), unit="figures") as advance,
    ):
        for row in measure(engine.url if engine else str(dynamodb_url)):
            failed |= not row.holds
            print(f"| {row.what} | {row.found} | {row.must} | {'yes' if row.holds else 'NO'} |", flush=True)
            advance(1)
    sys.exit(failed)
