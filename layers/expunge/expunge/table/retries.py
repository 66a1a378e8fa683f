"""Trying again while that is worth it: calls to DynamoDB that failed for a reason that passes.

The SDK's own retries are switched off, because they know nothing of an invocation's deadline.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from expunge.deadline import Deadline
from expunge.errors import OutOfTime, StoreError, Throttled, Unavailable

FAILURES = (ClientError, BotoCoreError, ResponseParserError)
"""What the SDK raises for a call that did not work."""

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
# A store that does not answer is given up sooner than one that asks to slow down.
_ATTEMPTS_WITHOUT_ANSWER = 5

_TRANSIENT = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingException",
        "ThrottlingError",
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)

ReplyT = TypeVar("ReplyT")


def is_transient(code: str) -> bool:
    """Whether an error code, of a call or of one item of a transaction, asks to try again later."""
    return code in _TRANSIENT


def is_definite(error: Exception) -> bool:
    """Whether the store itself said no: then nothing was written."""
    return isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500  # noqa: PLR2004 - server errors leave it open


class Retry:
    """Decides, failure after failure of one call, whether to try again: with jitter, while there is time."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._failures = 0
        self._without_answer = 0

    def failed(self, error: Exception) -> None:
        """Sleep and return to have the call repeated, or raise a StoreError."""
        kind, worth_it = self._judge(error)
        if not worth_it:
            raise kind from error
        self._failures += 1
        pause = random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._failures))  # noqa: S311 - jitter
        if pause >= self._deadline.to_start():
            raise kind from error
        time.sleep(pause)

    def _judge(self, error: Exception) -> tuple[StoreError, bool]:
        if isinstance(error, ClientError):
            code = error.response["Error"]["Code"]
            if is_transient(code) or code == "TransactionCanceledException":
                return Throttled(code), True
            if is_definite(error):
                return Unavailable(code), False
        self._without_answer += 1
        return Unavailable(type(error).__name__), self._without_answer < _ATTEMPTS_WITHOUT_ANSWER


def repeat(call: Callable[[], ReplyT], deadline: Deadline) -> ReplyT:
    """Return what a call of the SDK returns, tried again while that is worth it. Raises StoreError."""
    retry = Retry(deadline)
    while True:
        if deadline.to_start() <= 0:
            raise OutOfTime
        try:
            return call()
        except FAILURES as error:
            retry.failed(error)
