"""Purging at full size, with several runs at once."""

import json
import subprocess
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from cli.dynamodb import client
from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions import purging
from expunge.deletions.purged import Purged
from expunge.deletions.purging import PAGE, ROWS, remove_due
from expunge.errors import OutOfTime
from expunge.table import keys
from expunge.table.store import Store
from tests.engines.conftest import EXPUNGE
from tests.engines.due import DUE, bin_of, left

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.engine

FIT = 5
"""Messages of 350 KB for which 4,000 write units are enough: each costs about 700."""


def purge(store: Store, retention_days: int = 30) -> Purged:
    return remove_due(store, timestamps.parse(DUE), retention_days, Deadline(lambda: 600_000))


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

    assert purge(Store(counting, table)) == Purged(10_000, 0, DUE, None)
    assert left(dynamodb, table) == 0
    assert sent.pop("TransactWriteItems") == 10_000 / ROWS
    # A shard's last page is full if it holds a multiple of a page: then an empty one follows.
    # One more reads the holds.
    assert sent.pop("Query") <= 10_000 // PAGE + keys.BIN_SHARDS + 1
    # Before the first and after every eighth transaction it looks whether the purge is paused.
    assert sent.pop("BatchGetItem") <= 1 + 10_000 / ROWS / 8
    assert not sent


def test_memory_does_not_grow_with_what_is_due(
    dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each shard keeps a page and the one after it: with small pages, little fills them.
    monkeypatch.setattr(purging, "PAGE", 50)

    def peak(messages: int) -> int:
        table = bin_of(dynamodb, range(messages))
        tracemalloc.start()
        assert purge(Store(dynamodb, table)).removed == messages
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)  # what is made once and kept
    assert peak(6000) < 1.2 * peak(2000)


def test_runs_that_overlap_purge_each_message_once(dynamodb: "DynamoDBClient") -> None:
    """As they do where the lease of one ran out, or could not be taken."""
    table = bin_of(dynamodb, range(3000))
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(purge, [Store(dynamodb, table) for _ in range(3)]))

    assert sum(result.removed for result in results) == 3000
    assert {result.stopped for result in results} == {None}
    assert left(dynamodb, table) == 0


def test_of_several_runs_at_once_those_that_find_another_at_work_leave_it_to_that(
    dynamodb: "DynamoDBClient", dynamodb_url: str
) -> None:
    table = bin_of(dynamodb, range(2000))
    command = [str(EXPUNGE), "purge", "--now", DUE, "--dynamodb-url", dynamodb_url, "--table", table]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603 - our own command
        for _ in range(3)
    ]
    said = [process.communicate() for process in processes]
    results = [json.loads(out) for out, _ in said]

    assert [process.returncode for process in processes] == [0] * 3
    assert sorted(result["purged"] for result in results) == [0, 0, 2000]
    for result, (_, error) in zip(results, said, strict=True):
        assert error.startswith(b"expunge: Another run is at work") is result["remaining"]
    # The lease is left, for what it remembers, and the record of the run.
    assert left(dynamodb, table) == 2


def test_what_a_longer_retention_keeps_is_dated_anew_and_goes_when_that_is_over(
    dynamodb: "DynamoDBClient",
) -> None:
    table = bin_of(dynamodb, range(500))
    store = Store(dynamodb, table)

    assert purge(store, retention_days=31) == Purged(0, 500, DUE, None)
    assert left(dynamodb, table) == 1000
    due = timestamps.parse(DUE) + timedelta(days=1)
    assert remove_due(store, due, 31, Deadline(lambda: 600_000)).removed == 500
    assert left(dynamodb, table) == 0


def test_where_large_contents_are_throttled_all_of_them_are_purged_within_the_run(
    dynamodb: "DynamoDBClient",
    counted: "tuple[DynamoDBClient, Counter[str]]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """4,000 write units a second are what AWS gives a new table; fifty such messages in a call are 33,450."""
    table = bin_of(dynamodb, range(60), kilobytes=340)
    counting, sent = counted
    write = counting.transact_write_items

    def throttle(**arguments: Any) -> Any:
        if len(arguments["TransactItems"]) > 2 * FIT:
            response: Any = {
                "Error": {"Code": "ThrottlingException"},
                "ResponseMetadata": {"HTTPStatusCode": 400},
            }
            raise ClientError(response, "TransactWriteItems")
        return write(**arguments)

    monkeypatch.setattr(counting, "transact_write_items", throttle)

    assert purge(Store(counting, table)) == Purged(60, 0, DUE, None)
    assert left(dynamodb, table) == 0
    assert 60 / FIT <= sent["TransactWriteItems"] <= 60 / 2


def test_a_run_that_is_out_of_time_says_so_and_the_next_continues(
    dynamodb: "DynamoDBClient", counted: "tuple[DynamoDBClient, Counter[str]]"
) -> None:
    table = bin_of(dynamodb, range(3000))
    counting, sent = counted

    # Every write takes a second of its time.
    first = remove_due(
        Store(counting, table),
        timestamps.parse(DUE),
        30,
        Deadline(lambda: 40_000 - 1000 * sent["TransactWriteItems"]),
    )

    assert isinstance(first.stopped, OutOfTime)
    assert 0 < first.removed < 3000
    assert left(dynamodb, table) == 2 * (3000 - first.removed)
    assert purge(Store(dynamodb, table)) == Purged(3000 - first.removed, 0, DUE, None)
    assert left(dynamodb, table) == 0
