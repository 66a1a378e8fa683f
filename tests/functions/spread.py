"""What a scheduled run could not finish: the queue it goes to, and the workers that take it from there."""

from typing import Any

import boto3
import pytest

import work as function
from expunge.deletions import purging
from purge import run as purge
from tests.clock import Clock, SlowStore
from tests.world import Context, World

DELETED = {
    "deleted_at": "2026-04-02T00:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2026-05-02T00:00:00.000Z",
}
MESSAGES = 16
WORKERS = 5


class Queue:
    """The work queue, from which a test takes what it likes."""

    def __init__(self) -> None:
        self.sqs: Any = boto3.client("sqs")
        self.url = self.sqs.create_queue(QueueName="work")["QueueUrl"]

    def take(self) -> list[str]:
        """Everything that is in it now, delayed or not, in the order in which it was sent."""
        bodies = []
        while found := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            bodies += [message["Body"] for message in found]
            for message in found:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return bodies


def too_short(clock: Clock) -> dict[str, Any]:
    """A scheduled run whose time does not suffice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(purging, "ROWS", 1)
        SlowStore(clock, 1, patch, ["transact_write_items"])
        result = purge({}, clock.invocation(24))
    assert result["remaining"] is True
    return result


def done(body: str, context: Context | None = None) -> dict[str, Any]:
    reply: dict[str, Any] = function.handler({"Records": [{"body": body}]}, context or Context())
    return reply


def purged(world: World) -> int:
    return sum("purged_at" in item for item in all_items(world))


def all_items(world: World) -> list[Any]:
    items: list[Any] = world.store.client.scan(TableName=world.store.table)["Items"]
    return items
