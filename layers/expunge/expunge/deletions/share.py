"""What the workers of a run may remove together, if a run may only remove so many.

The item that names the round says how many are left. A worker takes some of them before it removes any, and
gives back what it did not use: so no more are removed than may be, whoever dies in between, and a look
at the item costs a write unit for a thousand messages.
"""

from contextlib import suppress
from typing import Any, Final

from expunge.deadline import Deadline
from expunge.errors import RoundOver
from expunge.table import keys
from expunge.table.retries import FAILURES
from expunge.table.store import ConditionFailed, Store, key

TAKEN_AT_ONCE: Final = 1000


class Share:
    """The part of one worker."""

    def __init__(self, store: Store, round_id: str) -> None:
        self._store = store
        self._round = round_id

    def take(self, deadline: Deadline) -> int:
        """How many more may be removed: up to a thousand.

        Raises RoundOver, StoreError. What an attempt took whose answer was lost is lost as well.
        """
        wanted = TAKEN_AT_ONCE
        while wanted:
            try:
                self._store.update(keys.LEASE, keys.WORK, deadline, **self._adding(-wanted))
            except ConditionFailed as refused:
                wanted = min(wanted - 1, self._left(refused))
            else:
                return wanted
        return 0

    def give_back(self, number: int) -> None:
        """Let others have so many. It is tried once, lest more be given than were taken."""
        with suppress(*FAILURES):
            self._store.client.update_item(
                TableName=self._store.table, Key=key(keys.LEASE, keys.WORK), **self._adding(number)
            )

    def _adding(self, number: int) -> Any:
        return {
            "UpdateExpression": "ADD may_remove :number",
            "ConditionExpression": "round_id = :round AND may_remove >= :least",
            "ExpressionAttributeValues": {
                ":number": {"N": str(number)},
                ":least": {"N": str(max(0, -number))},
                ":round": {"S": self._round},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _left(self, refused: ConditionFailed) -> int:
        found = refused.found or {}
        if found.get("round_id") != {"S": self._round}:
            raise RoundOver
        return int(found["may_remove"]["N"]) if "may_remove" in found else 0
