"""Tracebacks without what errors say: a foreign error may quote a request or an item, with a key in it."""

import traceback
from collections.abc import Iterator
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from expunge.errors import code_of


class Unquoted(LambdaPowertoolsFormatter):
    """Writes logs with the frames and kinds of errors, and the words of this package's own errors alone."""

    def __init__(self) -> None:
        super().__init__(serialize_stacktrace=False)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's name
        """Write the error that was caught, after those that it came of."""
        return traceback_of(ei[1])


class Failed(Exception):
    """Stands for an error whose words are not ours; says its kind."""


def unquoted(error: Exception) -> Exception:
    """Give what a function may raise for Lambda, which logs the words of what it gets."""
    return error if _is_ours(error) else Failed(f"{_kind(error)}{_words(error)}")


def traceback_of(error: BaseException) -> str:
    """Write an error after those that it came of: where each was raised, its kind, and no foreign words."""
    return "\n".join(_told(each) for each in reversed(list(_chain(error, set()))))


def _chain(error: BaseException | None, told: set[int]) -> Iterator[BaseException]:
    # One that was raised twice can be what it came of.
    while error is not None and id(error) not in told:
        told.add(id(error))
        yield error
        for each in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
            yield from _chain(each, told)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _told(error: BaseException) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{frames}{_kind(error)}{_words(error)}"


def _kind(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _is_ours(error: BaseException) -> bool:
    return type(error).__module__.startswith("expunge.")


def _words(error: BaseException) -> str:
    """What may be repeated: our own words, or the code that AWS gave."""
    if _is_ours(error):
        return f": {error}"
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return f": {code_of(code)}" if code else ""
