"""What is remembered of each run of the purge, newest first, for more than a year."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.errors import StoreError
from expunge.table import keys
from expunge.table.retries import FAILURES
from expunge.table.store import Item, Store, key
from expunge.telemetry import logger

KEPT: Final = timedelta(days=400)

# Seconds that writing a record may take with all repetitions.
_PATIENCE = 10.0

_NUMBERS = ("purged", "resumed", "held")
_IF_ANY = ("in_doubt", "content_left")

# What workers count in the record of a run, beside what the run itself writes.
_BY_WORKERS = "_by_workers"


@dataclass(slots=True)
class Run:
    """A run's record. Without `ended_at` the run is at work, or it was killed."""

    started_at: str = field(default_factory=lambda: timestamps.millis(timestamps.now()))
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    @property
    def sk(self) -> str:
        """The sort key of the record."""
        return f"{self.started_at}#{self.id}"

    def begin(self, store: Store, deadline: Deadline) -> None:
        """Write that it is at work; if the store fails, the run goes on without."""
        self._write(store, deadline)

    def end(self, store: Store, deadline: Deadline, result: Mapping[str, Any], stopped: str | None) -> None:
        """Write how it ended: what it answers, and why it did not go on until nothing was due."""
        told = {name: result.get(name, 0) for name in (*_NUMBERS, "remaining")}
        told |= {name: result[name] for name in _IF_ANY if name in result}
        told |= {} if stopped is None else {"stopped": stopped}
        self._write(store, deadline, ended_at=timestamps.millis(timestamps.now()), **told)

    def _write(self, store: Store, deadline: Deadline, **told: Any) -> None:
        until = timestamps.parse(self.started_at) + KEPT
        told |= {"started_at": self.started_at, "keep_until": int(until.timestamp())}
        try:
            store.update(
                keys.PURGE_RUN,
                self.sk,
                deadline.at_most(_PATIENCE),
                UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in told),
                ExpressionAttributeValues={f":{name}": _written(value) for name, value in told.items()},
            )
        except StoreError as error:
            logger.warning("The run's record was not written", extra={"reason": error.reason})


def idle(store: Store, sk: str, deadline: Deadline) -> bool:
    """Whether workers have worked on behalf of a run without removing anything. Raises StoreError."""
    numbers = [f"{name}{_BY_WORKERS}" for name in ("purged", "in_doubt")]
    items = store.get_batch([(keys.PURGE_RUN, sk)], deadline, ", ".join(numbers)) if sk else []
    return any({name: {"N": "0"} for name in numbers} == item for item in items)


def count_for(store: Store, sk: str, purged: int, in_doubt: int, stopped: str | None) -> None:
    """Count in a run's record what a worker has removed on its behalf, and what it may have removed besides.

    It is tried once, so that nothing is counted twice: the numbers are too low where the store failed.
    """
    numbers = {"purged": purged, "in_doubt": in_doubt}
    expression = "ADD " + ", ".join(f"{name}{_BY_WORKERS} :{name}" for name in numbers)
    values = {f":{name}": _written(number) for name, number in numbers.items()}
    if stopped is not None:
        expression, values = f"SET stopped = :stopped {expression}", values | {":stopped": _written(stopped)}
    try:
        store.client.update_item(
            TableName=store.table,
            Key=key(keys.PURGE_RUN, sk),
            UpdateExpression=expression,
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues=values,
        )
    except FAILURES as error:
        logger.warning("A worker was not counted in the run's record", extra={"reason": type(error).__name__})


def newest(store: Store, deadline: Deadline) -> Iterator[dict[str, Any]]:
    """What is known of each run, as it is printed. Raises StoreError."""
    for item in store.query_all(
        deadline,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": keys.PURGE_RUN}},
        ScanIndexForward=False,
    ):
        yield _told(item)


def _told(item: Item) -> dict[str, Any]:
    told: dict[str, Any] = {name: item[name]["S"] for name in ("started_at", "ended_at") if name in item}
    for name in (*_NUMBERS, *_IF_ANY):
        numbers = [int(item[each]["N"]) for each in (name, f"{name}{_BY_WORKERS}") if each in item]
        if numbers and (name in _NUMBERS or any(numbers)):
            told[name] = sum(numbers)
    told |= {"remaining": item["remaining"]["BOOL"]} if "remaining" in item else {}
    return told | ({"stopped": item["stopped"]["S"]} if "stopped" in item else {})


def _written(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}
