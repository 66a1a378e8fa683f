"""Purges, restores and deletions of the same messages at once, each a process of its own."""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any

import pytest

from expunge.table import keys, living
from expunge.table.flags import is_tombstone
from tests.engines.due import bin_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.engine

MESSAGES = 300
ROUNDS = 4


class Racer:
    """One process; it begins when it is told to."""

    def __init__(self, work: str, dynamodb_url: str, stack: ExitStack) -> None:
        command = [sys.executable, "-m", "tests.engines.racing", work, dynamodb_url]
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        stack.enter_context(process)
        stack.callback(process.terminate)
        assert process.stdin is not None
        assert process.stdout is not None
        self._into: IO[str] = process.stdin
        self._out: IO[str] = process.stdout

    def go(self, table: str) -> None:
        self._into.write(f"{table} {MESSAGES}\n")
        self._into.flush()

    def count(self) -> int:
        return int(self._out.readline())


@pytest.mark.parametrize("works", [["purge", "restore"], ["purge", "restore", "delete", "restore"]])
def test_each_message_is_whole_or_gone_whoever_is_at_it(
    dynamodb: "DynamoDBClient", dynamodb_url: str, works: Sequence[str]
) -> None:
    with ExitStack() as stack:
        racers = [Racer(work, dynamodb_url, stack) for work in works]
        for _ in range(ROUNDS):
            table = bin_of(dynamodb, range(MESSAGES))
            for racer in racers:
                racer.go(table)
            done = [racer.count() for racer in racers]

            left = whole(dynamodb, table)
            assert MESSAGES - len(left) == done[0]
            if "delete" not in works:
                assert sum(each["state_pk"].startswith("LIVE#") for each in left) == done[1]
                assert sum(done) == MESSAGES


def whole(dynamodb: "DynamoDBClient", table: str) -> list[dict[str, str]]:
    """The messages that are there: each with its content, and where it belongs, live or deleted."""
    items: dict[str, dict[str, Any]] = defaultdict(dict)
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        for item in page["Items"]:
            if not is_tombstone(item):
                items[item["pk"]["S"]][item["sk"]["S"]] = item
    found = []
    for pk, both in items.items():
        assert set(both) == {keys.MESSAGE, keys.CONTENT}
        message = {name: value["S"] for name, value in both[keys.MESSAGE].items()}
        place = {name: message.get(name) for name in ("state_pk", "state_sk", "group_pk")}
        if "deleted_at" in message:
            order = keys.bin_order(message["purge_at"], pk)
            assert place == {"state_pk": keys.bin_shard(pk), "state_sk": order, "group_pk": None}
        else:
            assert place == living.place(message)
            assert not {"deleted_by", "delete_request_id", "purge_at"} & set(message)
        found.append(message)
    return found
