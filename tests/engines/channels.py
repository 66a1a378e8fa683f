"""A keyset of its own with messages in its channels, on an engine that others use as well."""

import json
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expunge.table import keys
from expunge.table.items import items
from expunge.table.records import parse
from tests.engines.tenant import TABLE, chunks

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass
class Channels:
    """One keyset, with Access Manager unless told otherwise."""

    dynamodb: "DynamoDBClient"
    access_manager: bool = True
    sub_key: str = field(default_factory=lambda: f"sub-c-{uuid.uuid4()}")

    def __post_init__(self) -> None:
        self.pub_key = self.sub_key.replace("sub", "pub", 1)
        self.secret_key = self.sub_key.replace("sub", "sec", 1)
        self.load(
            {
                "kind": "keyset",
                "pub_key": self.pub_key,
                "secret_key": self.secret_key,
                "access_manager": self.access_manager,
                "delete_from_history": True,
            }
        )

    def grant(self, auth_key: str, *channels: str) -> None:
        permitted = {"channels": list(channels), "permissions": ["delete"]}
        self.load({"kind": "auth_grant", "auth_key": auth_key, **permitted})

    def publish(self, channel: str, timetokens: Iterable[int]) -> None:
        """Write messages without content, 25 a call, two calls at once."""
        records = (
            {"kind": "channel_message", "channel": channel, "timetoken": str(timetoken)}
            for timetoken in timetokens
        )
        with ThreadPoolExecutor(2) as pool:
            for _ in pool.map(lambda chunk: self.load(*chunk), chunks(records, 25)):
                pass

    def load(self, *records: dict[str, Any]) -> None:
        made = (items(parse(json.dumps(record | {"sub_key": self.sub_key}).encode())) for record in records)
        pending: Any = {TABLE: [{"PutRequest": {"Item": item}} for some in made for item in some]}
        while pending:
            pending = self.dynamodb.batch_write_item(RequestItems=pending)["UnprocessedItems"]

    def history(self, channel: str) -> list[int]:
        """Timetokens of the channel's messages that are not flagged."""
        found: list[int] = []
        for shard in range(keys.CHANNEL_SHARDS):
            pages = self.dynamodb.get_paginator("query").paginate(
                TableName=TABLE,
                IndexName=keys.BY_STATE,
                KeyConditionExpression="state_pk = :pk",
                ExpressionAttributeValues={":pk": {"S": keys.live_channel(self.sub_key, channel, shard)}},
            )
            found += [int(item["state_sk"]["S"]) for page in pages for item in page["Items"]]
        return sorted(found)

    def histories(self, *channels: str) -> Sequence[list[int]]:
        return [self.history(channel) for channel in channels]
