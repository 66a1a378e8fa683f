"""What a function does to the table and to what lies around it, noted call by call."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

BUS = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}"
S3 = "arn:${AWS::Partition}:s3:::"
ENTRIES = {
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "Put": "PutItem",
    "ConditionCheck": "ConditionCheckItem",
}


class Done(NamedTuple):
    """An action on the table, an index or a provider's key; `pk` where it names one."""

    action: str
    resource: str
    pk: str | None = None


class Recorder:
    """Notes every call of the SDK, and can have the answers to some be lost."""

    def __init__(self) -> None:
        self.done: set[Done] = set()
        self.lost: str | None = None
        self._on = False

    @contextmanager
    def recording(self, *, lost: str | None = None) -> Iterator[None]:
        self._on, self.lost = True, lost
        try:
            yield
        finally:
            self._on, self.lost = False, None

    def note(self, service: str, operation: str, arguments: Any) -> None:
        if self._on:
            self.done |= set(_done(service, operation, arguments))


def _done(service: str, operation: str, arguments: Any) -> Iterator[Done]:
    if service == "sqs":  # an action of its own for messages that are sent together is not known to IAM
        yield Done(f"{service}:{operation.removesuffix('Batch')}", "WorkQueue.Arn")
    else:
        yield from _done_elsewhere(service, operation, arguments)


def _done_elsewhere(  # noqa: C901 - a case an operation
    service: str, operation: str, arguments: Any
) -> Iterator[Done]:
    action = f"{service}:{operation}"
    match operation:
        case "TransactWriteItems":
            for entry in arguments["TransactItems"]:
                [(kind, item)] = entry.items()
                key = item.get("Key") or item["Item"]
                yield Done(f"{service}:{ENTRIES[kind]}", "table", key["pk"]["S"])
        case "BatchGetItem":
            for table in arguments["RequestItems"].values():
                yield from (Done(action, "table", key["pk"]["S"]) for key in table["Keys"])
        case "Query" if "IndexName" in arguments:
            yield Done(action, f"index/{arguments['IndexName']}")
        case "Query":
            yield Done(action, "table", arguments["ExpressionAttributeValues"][":pk"]["S"])
        case "ListObjectVersions" | "DeleteObjects":
            yield from _done_in_bucket(operation, arguments["Bucket"])
        case "PutEvents":
            for entry in arguments["Entries"]:
                yield Done(action, BUS.replace("${EventBusName}", entry["EventBusName"]))
        case "GetParameter" | "GetSecretValue":
            yield Done(action, str(arguments.get("Name") or arguments["SecretId"]).strip("/"))
        case _:
            key = arguments.get("Key") or arguments["Item"]
            yield Done(action, "table", key["pk"]["S"])


def _done_in_bucket(operation: str, name: str) -> Iterator[Done]:
    if operation == "ListObjectVersions":
        yield Done("s3:ListBucketVersions", S3 + name)
        return
    # Which of the two it takes depends on whether the bucket keeps versions.
    for action in ("DeleteObject", "DeleteObjectVersion"):
        yield Done(f"s3:{action}", f"{S3}{name}/*")
