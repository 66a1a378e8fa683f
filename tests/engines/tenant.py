"""An account of its own with many messages, on an engine that others use as well."""

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from hookbridge import HookBridge

from expunge.table import keys
from expunge.table.items import items
from expunge.table.records import parse
from tests.world import at

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "expunge"
T = TypeVar("T")


@dataclass
class Tenant:
    """One account with one endpoint of each kind."""

    dynamodb: "DynamoDBClient"
    name: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.key = f"hb_{self.name}"
        self.account = f"acc_{self.name}"
        self.inbound = self.pull = self.outbound = str(uuid.uuid4())
        owned = {"account_id": self.account, "id": self.inbound}
        self.load(
            [
                {"kind": "api_key", "key": self.key, "account_id": self.account},
                {"kind": "inbound_endpoint", **owned},
                {"kind": "pull_endpoint", **owned},
                {"kind": "outbound_endpoint", **owned},
            ]
        )

    def message(self, number: int, **fields: Any) -> dict[str, Any]:
        return {
            "kind": "inbound_message",
            "account_id": self.account,
            "id": self.id(number),
            "inbound_endpoint_id": self.inbound,
            "status": "succeeded",
            "received_at": at(number),
            **fields,
        }

    def event(self, number: int, **fields: Any) -> dict[str, Any]:
        return {
            "kind": "pull_event",
            "account_id": self.account,
            "id": self.id(number),
            "pull_endpoint_id": self.pull,
            "event_type": "order.created",
            "status": "stored",
            "received_at": at(number),
            **fields,
        }

    def outbound_message(self, number: int, **fields: Any) -> dict[str, Any]:
        return {
            "kind": "outbound_message",
            "account_id": self.account,
            "id": self.id(number),
            "endpoint_id": self.outbound,
            "status": "succeeded",
            "created_at": at(number),
            **fields,
        }

    @staticmethod
    def id(number: int) -> str:
        return f"01935abc-def0-7123-4567-{number:012d}"

    def load(self, records: Iterable[dict[str, Any]]) -> None:
        """Write them as they are, without conditions: 25 a call, two calls at once."""
        puts = ({"PutRequest": write["Put"]} for record in records for write in puts_of(record))
        with ThreadPoolExecutor(2) as pool:
            for _ in pool.map(self._write, chunks(puts, 25)):
                pass

    def _write(self, requests: list[Any]) -> None:
        pending: Any = {TABLE: requests}
        while pending:
            pending = self.dynamodb.batch_write_item(RequestItems=pending)["UnprocessedItems"]

    def client(self, api: str) -> HookBridge:
        return HookBridge(self.key, base_url=api, retries=0)

    def flagged(self, numbers: Iterable[int]) -> Counter[str]:
        """How many of these inbound messages each deletion flagged, by request id; "" counts the living."""
        pks = (keys.message("INBOUND", self.account, self.id(number)) for number in numbers)
        counted: Counter[str] = Counter()
        for chunk in chunks(pks, 100):
            wanted: Any = {TABLE: {"Keys": [{"pk": {"S": pk}, "sk": {"S": keys.MESSAGE}} for pk in chunk]}}
            items = self.dynamodb.batch_get_item(RequestItems=wanted)["Responses"][TABLE]
            counted.update(item.get("delete_request_id", {"S": ""})["S"] for item in items)
        return counted


def puts_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"Put": {"Item": item}} for item in items(parse(json.dumps(record).encode()))]


def chunks(things: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(things)
    while chunk := list(islice(left, size)):
        yield chunk
