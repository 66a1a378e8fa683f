"""What a person sees of a command that takes long: a bar with a rate, and how to go on after Ctrl-C."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

_REFRESH: Final = 0.1
"""Seconds between two updates of the bar, so that a step costs next to nothing."""


class Stopped(click.ClickException):
    """Ctrl-C; the message says how to go on."""

    exit_code = 130  # as shells have it


@contextmanager
def stoppable(how_to_go_on: str) -> Iterator[None]:
    """Have Ctrl-C said in one sentence, with how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(f"stopped; {how_to_go_on}") from None


@contextmanager
def bar(
    label: str, length: int | None, *, shown: bool, unit: str = "items"
) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on standard error, and yield a function to which steps are reported.

    `length` is None if the end is not known. `unit` is what is counted; "bytes" are shown as KB or MB.
    """
    if not shown:
        yield _nothing
        return
    from rich import progress as rich  # noqa: PLC0415 - slow to import, and seldom needed
    from rich.console import Console  # noqa: PLC0415

    counted: tuple[rich.ProgressColumn, ...] = (
        rich.TextColumn("{task.fields[said]}"),
        rich.TimeRemainingColumn(compact=True),
    )
    if unit == "bytes":
        counted = (rich.DownloadColumn(), rich.TransferSpeedColumn(), rich.TimeRemainingColumn(compact=True))
    columns = (rich.TextColumn("{task.description:8}"), rich.BarColumn(), *counted)
    with rich.Progress(*columns, console=Console(stderr=True)) as display:
        task = display.add_task(label, total=length, said="")
        began = looked = time.monotonic()
        done = 0

        def show() -> None:
            display.update(task, completed=done, said=_said(done, length, unit, time.monotonic() - began))

        def advance(steps: int) -> None:
            nonlocal done, looked
            done += steps
            if time.monotonic() - looked > _REFRESH:
                looked = time.monotonic()
                show()

        try:
            yield advance
        except Exception:
            display.update(task, visible=False)  # what is said of the failure stands alone
            raise
        show()


def watched() -> bool:
    """Whether a person sees what goes to standard error."""
    return sys.stderr.isatty()


def _nothing(_steps: int) -> None:
    return


def _said(done: int, length: int | None, unit: str, seconds: float) -> str:
    rate = f", {done / seconds:,.0f} a second" if seconds >= 1 and done >= seconds else ""
    return f"{done:,}{'' if length is None else f' of {length:,}'} {unit}{rate}"
