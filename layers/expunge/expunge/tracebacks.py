"""Tracebacks without what errors say: a foreign error may quote a request or an item, with a key in it."""

import traceback
from collections.abc import Iterator
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter


class Unquoted(LambdaPowertoolsFormatter):
    """Writes logs with the frames and kinds of errors, and the words of this package's own errors alone."""

    def __init__(self) -> None:
        super().__init__(serialize_stacktrace=False)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's name
        """Write the error that was caught, after those that it came of."""
        return "\n".join(_told(each) for each in reversed(list(_chain(ei[1]))))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _told(error: BaseException) -> str:
    kind = type(error)
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{frames}{kind.__module__}.{kind.__qualname__}{_words(error)}"


def _words(error: BaseException) -> str:
    """What may be repeated: our own words, or the code that AWS gave."""
    if type(error).__module__.startswith("expunge."):
        return f": {error}"
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return f": {code}" if code else ""
