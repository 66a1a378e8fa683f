"""How the workers of a run share a limit on the number of messages that the run may remove.

The item that names the round says how many are left. A worker takes a thousand of them before it removes any,
and gives back what it did not use. So the limit is kept even if workers die in between, and keeping it costs
one write unit for a thousand messages.
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
        """Take up to a thousand messages out of what is left, and return how many.

        Raises RoundOver, StoreError. If the answer to an attempt is lost, what it took is lost for the run.
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
        """Give back so many. It is tried only once: a repetition could give back more than was taken."""
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
