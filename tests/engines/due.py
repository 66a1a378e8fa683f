"""Tables of their own, with many messages in the bin."""

import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from random import randbytes
from typing import TYPE_CHECKING, Any

from cli.dynamodb import create_table
from tests.engines.tenant import chunks, puts_of
from tests.world import ACCOUNT, INBOUND, at, message_id

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DUE = "2025-06-01T12:00:00.000Z"
"""When they are due."""


def bin_of(dynamodb: "DynamoDBClient", numbers: Iterable[int], kilobytes: int = 0) -> str:
    """Make a table with these messages in the bin, each with so large a content, and return its name."""
    table = f"purge-{uuid.uuid4().hex}"
    # DynamoDB Local slows down with each record that is in a stream.
    create_table(dynamodb, table, stream=False)
    # Content is stored compressed, at which this hardly shrinks.
    noise = randbytes(kilobytes * 500).hex()  # noqa: S311 - not a secret
    puts = ({"PutRequest": put["Put"]} for number in numbers for put in puts_of(due_message(number, noise)))

    def write(requests: list[Any]) -> None:
        pending: Any = {table: requests}
        while pending:
            pending = dynamodb.batch_write_item(RequestItems=pending)["UnprocessedItems"]

    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(write, chunks(puts, 25)):
            pass
    return table


def left(dynamodb: "DynamoDBClient", table: str) -> int:
    """How many items there are, tombstones left out."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table, Select="COUNT", FilterExpression="attribute_not_exists(purged_at)"
    )
    return sum(page["Count"] for page in pages)


def due_message(number: int, noise: str = "") -> dict[str, Any]:
    """A message in the bin, due at that time."""
    return {
        "kind": "inbound_message",
        "account_id": ACCOUNT,
        "id": message_id(number),
        "inbound_endpoint_id": INBOUND,
        "status": "succeeded",
        "received_at": at(number),
        "payload": {"number": number, "noise": noise},
        "deleted_at": "2025-05-02T12:00:00.000Z",
        "deleted_by": "key_1",
        "delete_request_id": "req_1",
        "purge_at": DUE,
    }
