"""An index that lags behind its table, and writes that land after their time-out.

All of them hold for every client of the process, the functions' own included, while the test lasts.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock, RLock
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, ReadTimeoutError

from expunge.deadline import Deadline
from expunge.deletions import brakes
from expunge.table.store import store
from tests.clock import Clock
from tests.shortcut import create_table
from tests.world import World

Call = Callable[[Any, str, dict[str, Any]], Any]


class LaggingIndex:
    """Shows every change of the table in the indexes `seconds` of the clock after it was made.

    Until then a new message is not found, and one that was moved or removed is found where it was. The
    indexes are those of a second table, which follows the first one.
    """

    SHADOW = "expunge-index"

    def __init__(self, world: World, clock: Clock, seconds: float = 0) -> None:
        self.seconds = seconds
        self._clock = clock
        self._client = world.store.client
        self._table = world.store.table
        self._lock = RLock()
        self._coming: deque[tuple[datetime, str, dict[str, Any] | None]] = deque()
        self._shown: set[str] = set()

    @classmethod
    def installed(
        cls, world: World, clock: Clock, patch: pytest.MonkeyPatch, seconds: float = 0
    ) -> "LaggingIndex":
        """Let the index lag behind what the table will hold; what is in it already is shown."""
        index = cls(world, clock, seconds)
        create_table(index._client, cls.SHADOW)
        for item in index._client.scan(TableName=index._table)["Items"]:
            index._show(json.dumps({name: item[name] for name in ("pk", "sk")}), item)
        intercept(patch, index._call)
        return index

    def catch_up(self) -> None:
        """Show all changes now."""
        with self._lock:
            while self._coming:
                self._show(*self._coming.popleft()[1:])

    def _call(self, make: Call, client: Any, operation: str, params: dict[str, Any]) -> Any:
        with self._lock:
            if "IndexName" in params:
                while self._coming and self._coming[0][0] <= self._clock.now:
                    self._show(*self._coming.popleft()[1:])
                return make(client, operation, params | {"TableName": self.SHADOW})
            reply = make(client, operation, params)
            for table, key in written(operation, params):
                if table == self._table:
                    found: Any = make(
                        client, "GetItem", {"TableName": table, "Key": key, "ConsistentRead": True}
                    )
                    due = self._clock.now + timedelta(seconds=self.seconds)
                    self._coming.append((due, json.dumps(key), found.get("Item")))
            return reply

    def _show(self, key: str, item: dict[str, Any] | None) -> None:
        if item is not None and {"state_pk", "group_pk"} & set(item):
            self._client.put_item(TableName=self.SHADOW, Item=item)
            self._shown.add(key)
        elif key in self._shown:
            self._client.delete_item(TableName=self.SHADOW, Key=json.loads(key))
            self._shown.remove(key)


@dataclass
class LateWrites:
    """Transactions time out while they are `held`, and are carried out when they `land`.

    The first so many, `after`, are not held. Of their own accord they land with the call of that number,
    `lands_with`, counted from the first one that is held.
    """

    after: int = 0
    lands_with: int | None = None
    held: bool = True
    _flying: dict[str, tuple[Call, Any, dict[str, Any]]] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)
    _calls: int = 0

    @classmethod
    def installed(
        cls, patch: pytest.MonkeyPatch, *, after: int = 0, lands_with: int | None = None
    ) -> "LateWrites":
        """Hold transactions from here on."""
        writes = cls(after, lands_with)
        intercept(patch, writes._call)
        return writes

    def _call(self, make: Call, client: Any, operation: str, params: dict[str, Any]) -> Any:
        if not self.held or operation != "TransactWriteItems":
            return make(client, operation, params)
        with self._lock:
            self._calls += 1
            if self._calls <= self.after:
                return make(client, operation, params)
            if self.lands_with is not None and self._calls - self.after >= self.lands_with:
                self.land()
                return make(client, operation, params)
            # A repetition with the same token is the same transaction.
            self._flying[params["ClientRequestToken"]] = (make, client, params)
        raise ReadTimeoutError(endpoint_url="https://dynamodb.example")

    def land(self) -> int:
        """Let the transactions that are under way arrive, and return how many were not refused."""
        flying, self._flying, self.held = self._flying, {}, False
        landed = 0
        for make, client, params in flying.values():
            try:
                make(client, "TransactWriteItems", params)
            except ClientError:
                continue
            landed += 1
        return landed


def intercept(
    patch: pytest.MonkeyPatch,
    call: Callable[[Call, Any, str, dict[str, Any]], Any],
    services: Sequence[str] = ("dynamodb",),
) -> None:
    """Have `call` answer in place of DynamoDB; it is given what makes the real call, and its arguments."""
    make: Call = BaseClient._make_api_call  # type: ignore[attr-defined] # noqa: SLF001 - every call goes through it

    def intercepted(client: Any, operation: str, params: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name not in services:
            return make(client, operation, params)
        return call(make, client, operation, params)

    patch.setattr(BaseClient, "_make_api_call", intercepted)


def written(operation: str, params: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Table and key of every item that a call writes."""
    if operation == "TransactWriteItems":
        requests = [request for entry in params["TransactItems"] for request in entry.values()]
    elif operation == "BatchWriteItem":
        requests = [
            request | {"TableName": table}
            for table, entries in params["RequestItems"].items()
            for entry in entries
            for request in entry.values()
        ]
    elif operation in ("PutItem", "UpdateItem", "DeleteItem"):
        requests = [params]
    else:
        requests = []
    for request in requests:
        key = request.get("Key") or request["Item"]
        yield request["TableName"], {name: key[name] for name in ("pk", "sk")}


def pause_with_the_next_transaction(patch: pytest.MonkeyPatch) -> None:
    """Have somebody pause the purge while the store carries out its next transaction."""
    client: Any = store().client
    real = client.transact_write_items
    one_at_a_time = Lock()
    to_come = [True]

    def pause(**arguments: Any) -> Any:
        # However slow the machine is, nothing else is carried out between that transaction and the pause.
        with one_at_a_time:
            reply = real(**arguments)
            # Not before: a run that sees the pause holds back what it has not sent yet.
            if to_come:
                to_come.clear()
                brakes.write(store(), paused=True, by="ops", deadline=Deadline.never())
            return reply

    patch.setattr(client, "transact_write_items", pause)
