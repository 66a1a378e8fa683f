"""Repeats calls to DynamoDB that failed for a reason that passes, as long as there is time.

The SDK's own retries are switched off, because they know nothing of an invocation's deadline.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
)
from botocore.parsers import ResponseParserError

from expunge.chance import chance
from expunge.deadline import Deadline
from expunge.errors import OutOfTime, StoreError, Throttled, Unavailable, code_of
from expunge.table.sending import HeldBack

FAILURES = (ClientError, BotoCoreError, ResponseParserError)
"""What the SDK raises for a call that did not work."""

# Seconds. Each pause is random, up to a bound that doubles from the first to the longest.
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
# After so many doublings the bound has reached the longest. Doubling for ever would overflow a float.
_DOUBLINGS = 10
# A conflict passes when the other transaction ends, which takes it a few tens of milliseconds.
_FIRST_PAUSE_FOR_A_CONFLICT = 0.02
_LONGEST_PAUSE_FOR_A_CONFLICT = 0.2
# Calls without an answer are given up after so many. Calls that are throttled are repeated until time is up.
_ATTEMPTS_WITHOUT_ANSWER = 5

_CONFLICTS = frozenset({"TransactionConflict", "TransactionConflictException"})

_TRANSIENT = _CONFLICTS | frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingException",
        "ThrottlingError",
        "TransactionInProgressException",
    }
)

ReplyT = TypeVar("ReplyT")


def is_transient(code: str) -> bool:
    """Whether an error code, of a call or of one item of a transaction, asks to try again later."""
    return code in _TRANSIENT


def is_conflict(code: str) -> bool:
    """Whether an error code says that another transaction is writing the same item."""
    return code in _CONFLICTS


def is_definite(error: Exception) -> bool:
    """Whether it is certain that nothing was written: the store said no, or the request was never sent."""
    if isinstance(error, ClientError):
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] < 500)  # noqa: PLR2004 - server errors leave it open
    if type(error) is HTTPClientError:  # what the SDK wraps an exception in that it does not know
        return isinstance(error.kwargs.get("error"), HeldBack)
    return isinstance(error, (HeldBack, EndpointConnectionError, ConnectTimeoutError))


class Retry:
    """Decides after each failure of a call whether to try again, and pauses: as long as there is time."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._failures = 0
        self._conflicts = 0
        self._without_answer = 0
        self._last: StoreError = OutOfTime()

    def begin(self) -> None:
        """If it is too late to begin an attempt, raise the last one's error; OutOfTime before the first."""
        if self._deadline.to_start() <= 0:
            raise self._last

    def failed(self, error: Exception) -> None:
        """Sleep and return to have the call repeated, or raise a StoreError."""
        if isinstance(error, ClientError) and is_conflict(error.response["Error"]["Code"]):
            self.contested()
            return
        kind, worth_it = self._judge(error)
        if not worth_it:
            raise kind from error
        self._failures += 1
        self._pause(_FIRST_PAUSE, self._failures, _LONGEST_PAUSE, kind)

    def contested(self) -> None:
        """Pause for another transaction that writes the same items. Raises Throttled if there is no time."""
        self._conflicts += 1
        none_left = Throttled("TransactionConflict")
        self._pause(_FIRST_PAUSE_FOR_A_CONFLICT, self._conflicts, _LONGEST_PAUSE_FOR_A_CONFLICT, none_left)

    def repeat(self, call: Callable[[], ReplyT]) -> ReplyT:
        """Return what a call of the SDK returns, tried again while that is worth it. Raises StoreError."""
        while True:
            self.begin()
            try:
                return call()
            except FAILURES as error:
                self.failed(error)

    def _pause(self, first: float, times: int, longest: float, otherwise: StoreError) -> None:
        grown = first * 2 ** min(times, _DOUBLINGS)
        self._last = otherwise
        pause = chance.uniform(0, min(grown, longest))
        if pause >= self._deadline.to_start():
            raise otherwise
        time.sleep(pause)

    def _judge(self, error: Exception) -> tuple[StoreError, bool]:
        """What to raise if this is the last attempt, and whether another one is worth it."""
        if isinstance(error, ClientError):
            code = error.response["Error"]["Code"]
            if is_transient(code) or code == "TransactionCanceledException":
                return Throttled(code), True
            if is_definite(error):
                return Unavailable(code_of(code)), False
        self._without_answer += 1
        return Unavailable(type(error).__name__), self._without_answer < _ATTEMPTS_WITHOUT_ANSWER


def repeat(call: Callable[[], ReplyT], deadline: Deadline) -> ReplyT:
    """Return what a call of the SDK returns, tried again while that is worth it. Raises StoreError."""
    return Retry(deadline).repeat(call)
