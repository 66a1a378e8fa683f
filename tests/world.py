"""A table with records in it, seen from outside, and API Gateway's way of calling a handler."""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import pytest

from expunge import timestamps
from expunge.table import keys
from expunge.table.flags import is_tombstone
from expunge.table.items import items, writes
from expunge.table.records import parse
from expunge.table.store import Store, store

ACCOUNT = "acc_1"
KEY = "hb_live_1"
INBOUND = "01935abc-0000-7000-8000-00000000000a"
LINKED = "msg_01HXYZ4QK3WJ8FN3M6QH7TZ8GR"
PULL = "01935abc-0000-7000-8000-00000000000b"
OUTBOUND = "01935abc-0000-7000-8000-00000000000c"
SUB_KEY = "sub-c-1"
SECRET_KEY = "sec-c-1"

OPTIONAL_HEADERS = ("retry-after", "idempotent-replayed")

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.body["data"]
        return data

    @property
    def error(self) -> tuple[int, str, str]:
        """The whole of a refusal: status, code, message; the envelope holds nothing else."""
        assert set(self.body) == {"error", "meta"}
        assert set(self.body["error"]) == {"code", "message"}
        return self.status, self.body["error"]["code"], self.body["error"]["message"]

    @property
    def problem(self) -> tuple[int, str]:
        """Status and type of a refusal as PostPress documents it; the envelope is complete and consistent."""
        assert list(self.body) == ["title", "detail", "instance", "type", "status"]
        assert self.body["status"] == self.status
        assert self.body["instance"] == self.headers["x-request-id"]
        assert self.body["title"]
        assert self.body["detail"]
        return self.status, self.body["type"].removeprefix("errors/")


@dataclass
class Context:
    """A Lambda context whose time does not run."""

    aws_request_id: str = "b0a1"
    function_name: str = "function"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn"

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


@dataclass
class RunningOut(Context):
    """One whose time does: from now on or, without `started`, from `start` on."""

    seconds: float = 29
    started: float | None = field(default_factory=time.monotonic)

    def start(self) -> None:
        """Let the time run, if it does not yet."""
        if self.started is None:
            self.started = time.monotonic()

    def get_remaining_time_in_millis(self) -> int:
        gone = 0.0 if self.started is None else time.monotonic() - self.started
        return max(0, int(1000 * (self.seconds - gone)))


def call(
    handler: Handler,
    *,
    query: Mapping[str, str] | str = "",
    path: Mapping[str, str] | None = None,
    body: Any = None,
    base64: bool = False,
    headers: Mapping[str, str] | None = None,
    context: Context | None = None,
    request_id: str | None = None,
    route: str = "",
) -> Reply:
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawQueryString": query if isinstance(query, str) else urlencode(query),
        "headers": {"authorization": f"Bearer {KEY}"} if headers is None else dict(headers),
        "requestContext": {"requestId": request_id or uuid.uuid4().hex},
        "isBase64Encoded": base64,
    }
    if path is not None:
        event["pathParameters"] = dict(path)
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
    response = handler(event, context or Context())
    assert set(response) == {"statusCode", "headers", "body"}
    assert {name: value for name, value in response["headers"].items() if name not in OPTIONAL_HEADERS} == {
        "content-type": "application/json",
        "cache-control": "no-store",
        "x-request-id": response["headers"]["x-request-id"],
    }
    reply = Reply(response["statusCode"], response["headers"], json.loads(response["body"]))
    assert reply.headers["x-request-id"].startswith("req_")
    if "meta" in reply.body:
        assert reply.body["meta"]["request_id"] == reply.headers["x-request-id"]
    return reply


@dataclass
class World:
    """Loads records and shows what the table holds."""

    store: Store

    def load(self, *records: dict[str, Any]) -> None:
        for record in records:
            for item in items(parse(json.dumps(record).encode(), content_bucket=None)):
                self.store.client.put_item(TableName=self.store.table, Item=item)

    def api_key(self, key: str = KEY, account_id: str = ACCOUNT, **fields: Any) -> None:
        """A key that is in use, so that no test but that of it meets the write of a day's first use."""
        self.load({"kind": "api_key", "key": key, "account_id": account_id, **fields})
        self.used(key, "9999-12-31")

    def used(self, key: str, day: str) -> None:
        """Note a day as that of the key's last use."""
        self.store.client.update_item(
            TableName=self.store.table,
            Key={
                "pk": {"S": keys.api_key(sha256(key.encode()).hexdigest())},
                "sk": {"S": keys.API_KEY},
            },
            UpdateExpression="SET last_used_on = :day",
            ExpressionAttributeValues={":day": {"S": day}},
        )

    def inbound_endpoint(self, endpoint_id: str = INBOUND, account_id: str = ACCOUNT) -> None:
        self.load({"kind": "inbound_endpoint", "account_id": account_id, "id": endpoint_id})

    def pull_endpoint(self, endpoint_id: str = PULL, account_id: str = ACCOUNT) -> None:
        self.load({"kind": "pull_endpoint", "account_id": account_id, "id": endpoint_id})

    def customer(self) -> None:
        """An account with a key, whose webhooks come in and whose events are fetched."""
        self.api_key()
        self.inbound_endpoint()
        self.pull_endpoint()

    def message(self, number: int, **fields: Any) -> str:
        record = {
            "kind": "inbound_message",
            "account_id": ACCOUNT,
            "id": message_id(number),
            "inbound_endpoint_id": INBOUND,
            "status": "succeeded",
            "received_at": at(number),
            "payload": {"number": number},
        }
        self.load(record | fields)
        return str((record | fields)["id"])

    def name_content(self, pk: str, url: str) -> None:
        """Have a message name its content instead of holding it."""
        content = {"pk": {"S": pk}, "sk": {"S": keys.CONTENT}}
        self.store.client.delete_item(TableName=self.store.table, Key=content)
        self.store.client.update_item(
            TableName=self.store.table,
            Key=content | {"sk": {"S": keys.MESSAGE}},
            UpdateExpression="SET content_url = :url",
            ExpressionAttributeValues={":url": {"S": url}},
        )

    def event(self, number: int, **fields: Any) -> str:
        record = {
            "kind": "pull_event",
            "account_id": ACCOUNT,
            "id": message_id(number),
            "pull_endpoint_id": PULL,
            "event_type": "order.created",
            "status": "stored",
            "received_at": at(number),
            "payload": {"number": number},
        }
        self.load(record | fields)
        return str((record | fields)["id"])

    def before_write(self, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
        """Have something happen once, between the function's reading and its first write."""
        write = store().client.transact_write_items

        def later(*args: Any, **kwargs: Any) -> Any:
            monkeypatch.undo()
            meanwhile()
            return write(*args, **kwargs)

        monkeypatch.setattr(store().client, "transact_write_items", later)

    def outbound_endpoint(self, endpoint_id: str = OUTBOUND, account_id: str = ACCOUNT) -> None:
        self.load({"kind": "outbound_endpoint", "account_id": account_id, "id": endpoint_id})

    def outbound_message(self, number: int, **fields: Any) -> str:
        record = {
            "kind": "outbound_message",
            "account_id": ACCOUNT,
            "id": message_id(number),
            "endpoint_id": OUTBOUND,
            "status": "succeeded",
            "created_at": at(number),
            "payload": {"number": number},
        }
        self.load(record | fields)
        return str((record | fields)["id"])

    def linked_account(self, account_id: str = ACCOUNT, **fields: Any) -> None:
        record = {"kind": "linked_account", "account_id": account_id, "id": "la_1", "provider": "WHATSAPP"}
        self.load(record | fields)

    def linked_message(self, **fields: Any) -> str:
        record = {
            "kind": "linked_message",
            "account_id": ACCOUNT,
            "id": LINKED,
            "linked_account_id": "la_1",
            "provider_message_id": "wamid.1",
            "sent_at": at(0),
            "payload": {"text": "see you at eight"},
        }
        self.load(record | fields)
        return str((record | fields)["id"])

    def keyset(self, **fields: Any) -> None:
        record = {
            "kind": "keyset",
            "sub_key": SUB_KEY,
            "pub_key": "pub-c-1",
            "secret_key": SECRET_KEY,
            "access_manager": False,
            "delete_from_history": True,
        }
        self.load(record | fields)

    def auth_grant(self, auth_key: str, *channels: str, **fields: Any) -> None:
        record = {
            "kind": "auth_grant",
            "sub_key": SUB_KEY,
            "auth_key": auth_key,
            "channels": list(channels),
            "permissions": ["read", "delete"],
        }
        self.load(record | fields)

    def channel_messages(self, channel: str, *timetokens: int, **fields: Any) -> None:
        for timetoken in timetokens:
            record = {
                "kind": "channel_message",
                "sub_key": SUB_KEY,
                "channel": channel,
                "timetoken": str(timetoken),
                "payload": {"text": "hi"},
            }
            self.load(record | fields)

    def history(self, channel: str) -> list[int]:
        """Timetokens of a channel's messages that are not flagged."""
        self.deleted()
        return sorted(
            int(item["timetoken"])
            for item in self.items()
            if item.get("channel") == channel and item["state_pk"].startswith("LIVE#")
        )

    def sweeps(self) -> int:
        """How many background deletions are noted."""
        return sum(
            self.store.client.query(
                TableName=self.store.table,
                IndexName=keys.BY_STATE,
                KeyConditionExpression="state_pk = :pk",
                ExpressionAttributeValues={":pk": {"S": shard}},
            )["Count"]
            for shard in keys.sweep_shards()
        )

    def items(self) -> list[dict[str, str]]:
        """Every message's metadata, unwrapped."""
        return [item for item in self.rows() if not is_tombstone(item)]

    def tombstones(self) -> dict[str, dict[str, str]]:
        """What is left of the messages that were purged, by partition key; nothing of it is in an index."""
        return {item.pop("pk"): item for item in self.rows() if is_tombstone(item)}

    def rows(self) -> list[dict[str, str]]:
        """Of every message its metadata, or what is left of it."""
        paginator = self.store.client.get_paginator("scan")
        return [
            {name: str(next(iter(value.values()))) for name, value in item.items()}
            for page in paginator.paginate(TableName=self.store.table)
            for item in page["Items"]
            if item["sk"]["S"] == keys.MESSAGE
        ]

    def offer(self, record: dict[str, Any]) -> bool:
        """Store a record as `expunge load` does; False if that was refused."""
        entries: Any = [
            {action: {"TableName": self.store.table, **arguments} for action, arguments in write.items()}
            for write in writes(parse(json.dumps(record).encode(), content_bucket=None))
        ]
        try:
            self.store.client.transact_write_items(TransactItems=entries)
        except self.store.client.exceptions.TransactionCanceledException:
            return False
        return True

    def deleted(self) -> set[str]:
        """Ids of the messages that are flagged; the flags are complete and agree with the index."""
        flagged = [item for item in self.items() if "deleted_at" in item]
        for item in flagged:
            assert item["state_pk"] == keys.bin_shard(item["pk"])
            assert item["state_sk"] == keys.bin_order(item["purge_at"], item["pk"])
            assert {"deleted_by", "delete_request_id"} <= set(item)
            assert "group_pk" not in item
        return {item.get("id", item["pk"]) for item in flagged}

    def live(self) -> set[str]:
        """Ids of the messages that are not flagged."""
        return {item.get("id", item["pk"]) for item in self.items() if item["state_pk"].startswith("LIVE#")}


def message_id(number: int) -> str:
    return f"01935abc-def0-7123-4567-{number:012d}"


def at(second: int) -> str:
    """A time so many seconds after the first of April."""
    return timestamps.micros(datetime(2026, 4, 1, tzinfo=UTC) + timedelta(seconds=second))
