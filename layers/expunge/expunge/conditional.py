"""A single conditional write, repeated while that is worth it: done, refused by its condition, or failed."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from expunge.deadline import Deadline
from expunge.store import Item, persist

CONDITION_FAILED = "ConditionalCheckFailed"


class ConditionFailed(Exception):
    """Nothing was written; `found` is the item that failed the condition, None if there is none."""

    def __init__(self, found: Item | None) -> None:
        super().__init__(CONDITION_FAILED)
        self.found = found


def write(call: Callable[[], Any], deadline: Deadline) -> Any:
    """Return what the SDK call returns, an update or a transaction of which one item has a condition.

    The call may be made more than once after a lost answer, so it must recognise what it wrote itself.
    Raises ConditionFailed, StoreError.
    """

    def attempt() -> Any:
        try:
            return call()
        except ClientError as error:
            _raise_if_refused(error.response)
            raise

    return persist(attempt, deadline)


def _raise_if_refused(response: Any) -> None:
    if response["Error"]["Code"].startswith(CONDITION_FAILED):
        raise ConditionFailed(response.get("Item"))
    for reason in response.get("CancellationReasons", ()):
        if reason.get("Code") == CONDITION_FAILED:
            raise ConditionFailed(reason.get("Item"))
