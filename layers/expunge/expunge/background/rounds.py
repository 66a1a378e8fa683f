"""Rounds of spread work: every scheduled run, while work is spread, begins a new one.

It has tasks for all that is left, so one that was lost is sent again. Tasks of earlier rounds are dropped
when they come.
"""

import uuid
from typing import Any, NamedTuple

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.table import keys
from expunge.table.store import Store


class Asker(NamedTuple):
    """The run on whose behalf workers work: by the sort key of its record.

    `may_remove` is how many messages they may remove together, any number if it is None.
    """

    run: str = ""
    may_remove: int | None = None


class Round(NamedTuple):
    """The round in which work is spread, since when, and for which run; empty if none is."""

    id: str = ""
    began_at: str = ""
    asker: Asker = Asker()


def current(store: Store, deadline: Deadline) -> Round:
    """Read which round it is. Raises StoreError."""
    for item in store.get_batch(
        [(keys.LEASE, keys.WORK)], deadline, "round_id, began_at, run_id, may_remove"
    ):
        if "round_id" in item:
            may_remove = int(item["may_remove"]["N"]) if "may_remove" in item else None
            return Round(item["round_id"]["S"], item["began_at"]["S"], Asker(item["run_id"]["S"], may_remove))
    return Round()


def begin(store: Store, deadline: Deadline, asker: Asker = Asker()) -> Round:  # noqa: B008 - it is immutable
    """Begin a new round: tasks of earlier ones count no more. Raises StoreError."""
    new = Round(str(uuid.uuid4()), timestamps.millis(timestamps.now()), asker)
    values = {":id": {"S": new.id}, ":now": {"S": new.began_at}, ":run": {"S": asker.run}}
    limited = "REMOVE may_remove"
    if asker.may_remove is not None:
        limited = ", may_remove = :most"
        values[":most"] = {"N": str(asker.may_remove)}
    _note(
        store,
        deadline,
        UpdateExpression=f"SET round_id = :id, began_at = :now, run_id = :run {limited}",
        ExpressionAttributeValues=values,
    )
    return new


def end(store: Store, deadline: Deadline) -> None:
    """Spread no work any more: what is left is little. Raises StoreError."""
    _note(store, deadline, UpdateExpression="REMOVE round_id, began_at, run_id, may_remove")


def _note(store: Store, deadline: Deadline, **update: Any) -> None:
    store.update(keys.LEASE, keys.WORK, deadline, **update)
