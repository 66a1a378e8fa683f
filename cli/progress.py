"""A progress bar on standard error, for commands that take long."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

_RENDERINGS: Final = 200
_UNKNOWN: Final = 200_000_000


@contextmanager
def bar(label: str, length: int | None, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, whose steps are to be reported to what this yields."""
    unused: Iterator[int] = iter(lambda: 0, 0)  # click wants something to count where the length is not known
    steps = (length or _UNKNOWN) // _RENDERINGS
    with click.progressbar(
        unused,
        length,
        f"{label:8}",
        hidden=not shown,
        file=sys.stderr,
        update_min_steps=max(1, steps),
    ) as shown_bar:
        yield shown_bar.update
        shown_bar.finish()
        shown_bar.render_progress()
