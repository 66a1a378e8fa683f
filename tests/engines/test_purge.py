"""Purging at full size, with several runs at once."""

import json
import subprocess
import tracemalloc
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from cli.dynamodb import client
from expunge.deadline import Deadline
from expunge.deletions.purging import PAGE, ROWS, Purged, remove_due
from expunge.errors import OutOfTime
from expunge.table import keys
from expunge.table.store import Store
from tests.engines.conftest import EXPUNGE
from tests.engines.due import DUE, bin_of, left

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.engine


def purge(store: Store) -> Purged:
    return remove_due(store, DUE, Deadline(lambda: 600_000))


@pytest.fixture
def counted(dynamodb_url: str) -> "tuple[DynamoDBClient, Counter[str]]":
    """A client of its own, and how often it sent what."""
    dynamodb, sent = client(dynamodb_url), Counter[str]()

    def count(event_name: str, **_: Any) -> None:
        sent[event_name.rpartition(".")[2]] += 1

    dynamodb.meta.events.register("before-send.dynamodb", count)
    return dynamodb, sent


def test_ten_thousand_take_a_write_call_per_fifty_and_a_query_per_page(
    dynamodb: "DynamoDBClient", counted: "tuple[DynamoDBClient, Counter[str]]"
) -> None:
    table = bin_of(dynamodb, range(10_000))
    counting, sent = counted

    assert purge(Store(counting, table)) == (10_000, DUE, None)
    assert left(dynamodb, table) == 0
    assert sent.pop("TransactWriteItems") == 10_000 / ROWS
    # A shard's last page is full if it holds a multiple of a page: then an empty one follows.
    assert sent.pop("Query") <= 10_000 // PAGE + keys.BIN_SHARDS
    assert not sent


def test_memory_does_not_grow_with_what_is_due(dynamodb: "DynamoDBClient") -> None:
    def peak(messages: int) -> int:
        table = bin_of(dynamodb, range(messages))
        tracemalloc.start()
        assert purge(Store(dynamodb, table)).removed == messages
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)  # what is made once and kept
    assert peak(20_000) < 1.2 * peak(8000)


@pytest.mark.parametrize("runs", [2, 4])
def test_runs_that_overlap_purge_each_message_once(
    dynamodb: "DynamoDBClient", dynamodb_url: str, runs: int
) -> None:
    table = bin_of(dynamodb, range(5000))
    command = [str(EXPUNGE), "purge", "--now", DUE, "--dynamodb-url", dynamodb_url, "--table", table]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - our own command
        for _ in range(runs)
    ]
    results = [json.loads(process.communicate()[0]) for process in processes]

    assert [process.returncode for process in processes] == [0] * runs
    assert sum(result["purged"] for result in results) == 5000
    assert {result["remaining"] for result in results} == {False}
    assert left(dynamodb, table) == 0


def test_a_run_that_is_out_of_time_says_so_and_the_next_continues(
    dynamodb: "DynamoDBClient", counted: "tuple[DynamoDBClient, Counter[str]]"
) -> None:
    table = bin_of(dynamodb, range(3000))
    counting, sent = counted

    # Every write takes a second of its time.
    first = remove_due(
        Store(counting, table), DUE, Deadline(lambda: 40_000 - 1000 * sent["TransactWriteItems"])
    )

    assert isinstance(first.stopped, OutOfTime)
    assert 0 < first.removed < 3000
    assert left(dynamodb, table) == 2 * (3000 - first.removed)
    assert purge(Store(dynamodb, table)) == (3000 - first.removed, DUE, None)
    assert left(dynamodb, table) == 0
