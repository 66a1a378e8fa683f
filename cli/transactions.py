"""Writing many changes by DynamoDB transactions, several in flight.

A change is what one record brings: writes that go together. A change whose condition fails is left out, the
others of its transaction are written; changes of the same item stay in order.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import click
from botocore.exceptions import ClientError

from expunge.table.retries import FAILURES, is_transient

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from expunge.table.items import Write

THREADS: Final = 4
MAX_WRITES: Final = 100
MAX_BYTES: Final = 2_000_000
"""DynamoDB takes 4 MB a transaction. Binary grows by a third on its way there."""

ATTEMPTS: Final = 10
FIRST_DELAY: Final = 0.05
LONGEST_DELAY: Final = 5.0
"""Seconds. All attempts together take about 10 of them, apart from the SDK's own."""

_METADATA_BYTES: Final = 2048
"""More than an item takes without its payload."""

_REFUSED: Final = "ConditionalCheckFailed"
_FINE: Final = "None"

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """The writes of one record of a kind, committed together."""

    kind: str
    writes: "list[Write]"

    @property
    def keys(self) -> set[Key]:
        """What it writes to."""
        places = (arguments.get("Item") or arguments["Key"] for arguments in self._arguments())
        return {(place["pk"]["S"], place["sk"]["S"]) for place in places}

    @property
    def size(self) -> int:
        """Bytes, roughly and never too few."""
        items = (arguments.get("Item", {}) for arguments in self._arguments())
        return sum(
            _METADATA_BYTES + len(item["payload"]["B"] if "payload" in item else b"") for item in items
        )

    def _arguments(self) -> "Iterator[Write]":
        return (arguments for write in self.writes for arguments in write.values())


def write(
    client: "DynamoDBClient", table: str, changes: Iterable[Change], committed: Callable[[int], None]
) -> Counter[str]:
    """Write the changes, telling ``committed`` how many are done; count by kind those whose condition failed.

    Raises click.ClickException when the table takes no writes for a while, ClientError for what no
    repetition mends.
    """
    refused: Counter[str] = Counter()
    in_flight: dict[Future[Counter[str]], _Transaction] = {}
    stopped = Event()

    def land() -> None:
        for future in wait(in_flight, return_when=FIRST_COMPLETED).done:
            transaction = in_flight.pop(future)
            refused.update(future.result())
            committed(len(transaction.changes))

    pool = ThreadPoolExecutor(THREADS)
    try:
        for transaction in _transactions(changes):
            # Two in flight could overtake each other.
            while any(not transaction.keys.isdisjoint(other.keys) for other in in_flight.values()):
                land()
            while len(in_flight) >= 2 * THREADS:
                land()
            in_flight[pool.submit(_commit, client, table, transaction.changes, stopped)] = transaction
        while in_flight:
            land()
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)
    return refused


@dataclass(frozen=True, slots=True)
class _Transaction:
    changes: list[Change]
    keys: set[Key]


def _transactions(changes: Iterable[Change]) -> Iterator[_Transaction]:
    """Fill transactions; DynamoDB refuses one that writes an item twice, so that begins a new one."""
    current, count, size = _Transaction([], set()), 0, 0
    for change in changes:
        keys = change.keys
        count += len(change.writes)
        size += change.size
        if count > MAX_WRITES or size > MAX_BYTES or not keys.isdisjoint(current.keys):
            if current.changes:
                yield current
            current, count, size = _Transaction([], set()), len(change.writes), change.size
        current.changes.append(change)
        current.keys.update(keys)
    if current.changes:
        yield current


def _commit(client: "DynamoDBClient", table: str, changes: list[Change], stopped: Event) -> Counter[str]:
    refused: Counter[str] = Counter()
    token = _token()
    for attempt in range(ATTEMPTS):
        try:
            if changes:
                _transact(client, table, changes, token)
        except FAILURES as error:
            reasons = _reasons(error)
            if failed := _failed(changes, reasons):
                refused.update(changes[index].kind for index in failed)
                changes = [change for index, change in enumerate(changes) if index not in failed]
                token = _token()
            elif not _passes(error, reasons):
                raise
            # With the same token: if only the answer got lost, DynamoDB recognises the repetition.
            elif stopped.wait(_delay(attempt)):
                break
        else:
            return refused
    raise click.ClickException(
        "the table takes no writes at the moment; what is written stays, and the same command continues"
    )


def _transact(client: "DynamoDBClient", table: str, changes: list[Change], token: str) -> None:
    writes: Any = [
        {action: {"TableName": table, **arguments} for action, arguments in write.items()}
        for change in changes
        for write in change.writes
    ]
    client.transact_write_items(TransactItems=writes, ClientRequestToken=token)


def _reasons(error: Exception) -> list[str]:
    """List a reason for each write of a cancelled transaction; nothing for other errors."""
    reasons = error.response.get("CancellationReasons", ()) if isinstance(error, ClientError) else ()
    return [reason.get("Code", _FINE) for reason in reasons]


def _failed(changes: list[Change], reasons: list[str]) -> set[int]:
    """Find the changes with a condition that failed."""
    of_change = (index for index, change in enumerate(changes) for _ in change.writes)
    return {index for index, reason in zip(of_change, reasons, strict=False) if reason == _REFUSED}


def _passes(error: Exception, reasons: list[str]) -> bool:
    """Tell whether repeating may help."""
    if reasons:
        return all(reason == _FINE or is_transient(reason) for reason in reasons)
    if not isinstance(error, ClientError):  # no answer
        return True
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return is_transient(error.response["Error"]["Code"]) or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _token() -> str:
    return str(uuid4())


def _delay(attempt: int) -> float:
    return random.uniform(0, min(LONGEST_DELAY, FIRST_DELAY * 2**attempt))  # noqa: S311 - jitter
