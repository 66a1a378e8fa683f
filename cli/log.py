"""The log of `expunge serve`: nothing that a client sent ends a line, colours it or moves the cursor."""

import logging
from typing import Any, Final

_FORMAT: Final = "%(asctime)s %(message)s"


class Printable(logging.Formatter):
    """Writes what cannot be printed as Python would, an end of line as a backslash and an n."""

    def __init__(self) -> None:
        super().__init__(_FORMAT, "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """Write one line."""
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - likewise
        """Write a traceback, line by line."""
        return "\n".join(printable(line) for line in super().formatException(ei).splitlines())


def printable(text: str) -> str:
    """Escape what is not printable."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def begin() -> None:
    """Log to standard error from now on: all lines of this package, and warnings and worse of others."""
    handler = logging.StreamHandler()
    handler.setFormatter(Printable())
    logging.basicConfig(handlers=[handler])
    logging.getLogger("cli").setLevel(logging.INFO)
