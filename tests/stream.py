"""The table's stream as Lambda brings it to a function, and the bus that the function puts events on."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from jsonschema import Draft202012Validator

from cli.patterns import admitted
from cli.stream import lambda_form
from cli.template import stream_mapping
from tests.world import Context, Handler

Record = dict[str, Any]

MAPPING = stream_mapping()
assert MAPPING is not None
PATTERNS = MAPPING.patterns

_FOLDER = Path(__file__).parent.parent / "docs" / "schemas"
SCHEMAS = {
    schema["title"]: Draft202012Validator(schema)
    for schema in (json.loads(path.read_text()) for path in _FOLDER.glob("*.json"))
}
"""By detail type."""

_numbers = count(1)


class Died(BaseException):
    """The function's process ended."""


def changed(pk: str, old: dict[str, str] | None, new: dict[str, str] | None, sk: str = "MESSAGE") -> Record:
    """A record of the stream; the images are given unwrapped and without their keys."""
    number = next(_numbers)
    images = {"OldImage": old, "NewImage": new}
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    data: dict[str, Any] = {
        "ApproximateCreationDateTime": 1775000000.0,
        "Keys": key,
        "SequenceNumber": f"{number:021d}",
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    for name, image in images.items():
        if image is not None:
            data[name] = key | {attribute: {"S": text} for attribute, text in image.items()}
    event_name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    return {"eventID": f"{number:032x}", "eventName": event_name, "dynamodb": data}


def read_stream(table: str) -> list[Record]:
    """Everything that the table's stream remembers, unfiltered, as Lambda would hand it over."""
    streams = boto3.client("dynamodbstreams")
    [stream] = streams.list_streams(TableName=table)["Streams"]
    shards = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
    records: list[Record] = []
    for shard in shards:
        iterator = streams.get_shard_iterator(
            StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while found := (page := streams.get_records(ShardIterator=iterator))["Records"]:
            records += [lambda_form(record) for record in found]
            iterator = page["NextShardIterator"]
    return records


class Bus:
    """An EventBridge that refuses what the real one refuses, and fails when it is told to.

    `faults` are taken one a call: None is success, "throttled" refuses the whole call, "part" takes every
    second entry only, "died" takes the entries and ends the function, "died before" ends it without.
    """

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.calls: list[int] = []
        self.faults: Iterator[str | None] = iter(())
        self.code = "ThrottlingException"

    def put_events(self, *, Entries: Sequence[dict[str, str]]) -> dict[str, Any]:  # noqa: N803 - as the SDK has it
        assert 1 <= len(Entries) <= 10
        assert sum(len((e["Source"] + e["DetailType"] + e["Detail"]).encode()) for e in Entries) <= 256 * 1024
        fault = next(self.faults, None)
        if fault == "died before":
            raise Died
        if fault == "throttled":
            response: Any = {
                "Error": {"Code": "ThrottlingException"},
                "ResponseMetadata": {"HTTPStatusCode": 400},
            }
            raise ClientError(response, "PutEvents")
        taken = [entry for at, entry in enumerate(Entries) if fault != "part" or at % 2]
        self.calls.append(len(taken))
        for entry in taken:
            assert (entry["Source"], entry["EventBusName"]) == ("expunge", "default")
            detail = json.loads(entry["Detail"])
            SCHEMAS[entry["DetailType"]].validate(detail)
            self.events.append((entry["DetailType"], detail))
        if fault == "died":
            raise Died
        answers = [{"EventId": "1"} if entry in taken else {"ErrorCode": self.code} for entry in Entries]
        return {"FailedEntryCount": len(Entries) - len(taken), "Entries": answers}

    def about(self, message_id: str) -> list[tuple[str, str]]:
        """Detail type and request of each event about a message, in the order in which they came."""
        return [
            (kind, detail["request_id"])
            for kind, detail in self.events
            if message_id in detail.get("ids", [])
        ]


def filtered(records: Iterable[Record]) -> list[Record]:
    """Those that the template lets through."""
    return [record for record in records if admitted(record, PATTERNS)]


def deliver(
    handler: Handler, records: Sequence[Record], attempts: int = 50, context: Callable[[], Context] = Context
) -> list[Record]:
    """Bring records to the function as Lambda does, with halving; returns those that were given up."""
    left = list(records)
    for _ in range(attempts):
        if not left:
            return []
        try:
            answer = handler({"Records": left}, context())
        except Died:
            if len(left) > 1:
                half = len(left) // 2
                return deliver(handler, left[:half], attempts, context) + deliver(
                    handler, left[half:], attempts, context
                )
            continue
        failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
        numbers = [record["dynamodb"].get("SequenceNumber") for record in left]
        left = left[min(numbers.index(number) for number in failed) :] if failed else []
    return left


def in_order(told: list[Any], happened: list[Any]) -> bool:
    """Whether everything was told, nothing before what came earlier, and the last word is the last."""
    firsts = [told.index(each) for each in happened]
    lasts = [len(told) - told[::-1].index(each) for each in happened]
    return firsts == sorted(firsts) and lasts == sorted(lasts)
