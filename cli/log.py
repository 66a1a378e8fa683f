"""The log of the commands: it quotes nothing that may be a secret, and moves no cursor of a terminal."""

import logging
import os
from copy import copy
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio

_FORMAT: Final = "%(asctime)s %(message)s"
_OURS: Final = "cli"

log = logging.getLogger(__name__)


class Printable(logging.Formatter):
    """Writes what cannot be printed as Python would, an end of line as a backslash and an n.

    Of the lines of libraries what is filled in is left out, and of errors their words: both may quote what
    came in or what is stored. Of an error that is filled in, its kind stands behind the line.
    """

    def __init__(self) -> None:
        super().__init__(_FORMAT, "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Write a line, and the traceback if it has one."""
        told = copy(record)
        told.exc_text = None  # another formatter's
        if not record.name.startswith(_OURS):
            told.msg, told.args = _unfilled(record), None
        return super().format(told)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """Write one line."""
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - likewise
        """Write a traceback, line by line."""
        from expunge.tracebacks import traceback_of  # noqa: PLC0415 - slow to import, and seldom needed

        return "\n".join(printable(line) for line in traceback_of(ei[1]).splitlines())


def _unfilled(record: logging.LogRecord) -> str:
    line = _kind(record.msg) if isinstance(record.msg, BaseException) else str(record.msg)
    filled_in = record.args if isinstance(record.args, tuple) else ()
    return " ".join([line, *(f"({_kind(each)})" for each in filled_in if isinstance(each, BaseException))])


def _kind(error: BaseException) -> str:
    """Name the kind of an error, and what the operating system means by it."""
    number = error.errno if isinstance(error, OSError) else None
    return type(error).__name__ + (f": {os.strerror(number)}" if isinstance(number, int) else "")


def printable(text: str) -> str:
    """Escape what is not printable."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def begin() -> None:
    """Log to standard error from now on what is a warning or worse."""
    handler = logging.StreamHandler()
    handler.setFormatter(Printable())
    logging.basicConfig(handlers=[handler])


def tell_requests() -> None:
    """Log a line for each request as well."""
    logging.getLogger(_OURS).setLevel(logging.INFO)


def log_briefly(_loop: "asyncio.AbstractEventLoop", context: dict[str, Any]) -> None:
    """Log that a connection failed, without the error's own words: they quote what came in, with API keys."""
    log.warning("%s: %s", context["message"].partition("\n")[0], type(context.get("exception")).__name__)
