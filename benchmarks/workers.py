"""What one, two and four workers take for 200,000 messages on DynamoDB Local, one of them killed on the way.

Workers are processes, and the queue is this one. Afterwards each message is looked at, and others that must
stay: the script fails if something was removed or flagged twice, or not at all, or without need, or if the
counts that an operator is shown are wrong.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from benchmarks.dynamodb_local import FILE, copy, fill, running
from benchmarks.spread_work import KINDS, Work
from cli.dynamodb import client
from expunge.background.tasks import Task
from expunge.table import keys
from expunge.table.items import items
from expunge.table.records import parse
from expunge.table.store import Item, Store
from tests.engines.crowd import Crowd

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KILL_AFTER: Final = 20.0
"""Seconds, with the start of the process; a slice takes 30."""

# Rows that are counted in a call: the engine does nothing else meanwhile.
_PAGE: Final = 200

# Seconds in which the engine does something of what a worker that died had asked for, if anything is left.
_SETTLES: Final = 10.0

# Scheduled runs, each of which sends tasks anew for what is left.
_ROUNDS: Final = 10


class Ran(NamedTuple):
    """What so many workers reported, what those had done that died, and how much more may have been done."""

    reported: int
    unreported: int
    in_doubt: int
    deaths: int
    seconds: float
    load: float


class Watch:
    """Counts what workers had done that died: nobody else is at work on their shards at that time."""

    def __init__(self, dynamodb: "DynamoDBClient", work: Work, number: int) -> None:
        self._dynamodb = dynamodb
        self._work = work
        of_others = Counter(item["state_pk"]["S"] for item in _others(work, number) if "state_pk" in item)
        self._others = {
            shard: sum(of_others[partition] for partition in work.partitions(shard))
            for shard in range(keys.BIN_SHARDS)
        }
        self._before = Counter(work.shards(number))
        self._unreported: dict[int, int] = {}

    @property
    def unreported(self) -> int:
        """How much was done and is not among what the workers reported."""
        return sum(self._unreported.values())

    @property
    def left(self) -> int:
        """To how many messages it is still to be done."""
        return sum(map(self._in, self._before))

    def died(self, task: Task, reported: int) -> None:
        """Count as soon as the engine is through with what that worker had begun."""
        left = -1
        while left != (left := sum(map(self._in, task.shards))):
            time.sleep(_SETTLES)
        self._unreported[task.part] = sum(self._before[shard] for shard in task.shards) - left - reported

    def _in(self, shard: int) -> int:
        found = sum(self._count(partition) for partition in self._work.partitions(shard))
        return found - self._others[shard]

    def _count(self, partition: str) -> int:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._work.table,
            IndexName=keys.BY_STATE,
            KeyConditionExpression="state_pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
            Select="COUNT",
            PaginationConfig={"PageSize": _PAGE},
        )
        return sum(page["Count"] for page in pages)


def run(url: str, work: Work, number: int, workers: int) -> Ran:
    """Have it done. Raises RuntimeError if it was not done as it must be."""
    dynamodb = client(url)
    watch = Watch(dynamodb, work, number)
    crowd = Crowd(url, work.table, watch.died)
    tasks = work.tasks(Store(dynamodb, work.table), number)
    seconds = crowd.work_off(tasks, workers, kill_after=KILL_AFTER)
    for _ in range(_ROUNDS):
        if not watch.left:
            break
        seconds += crowd.work_off(tasks, workers)
    ran = Ran(crowd.done.total(), watch.unreported, crowd.in_doubt, crowd.deaths, seconds, os.getloadavg()[1])
    if ran.reported + ran.unreported > number:
        raise RuntimeError(f"more was counted than there is: {ran}")
    work.check(Store(dynamodb, work.table), ran.reported + ran.unreported, ran.in_doubt, number)
    _check(dynamodb, work, number)
    return ran


def _check(dynamodb: "DynamoDBClient", work: Work, number: int) -> None:
    """See that it was done to all that it was to be done to, and to nothing else."""
    stays = {_key(item): item for item in _others(work, number)}
    done = contents = 0
    for page in dynamodb.get_paginator("scan").paginate(TableName=work.table):
        for item in page["Items"]:
            expected = stays.pop(_key(item), None)
            if expected is not None and not _same(item, expected):
                raise RuntimeError(f"a message was changed that must stay as it is: {_key(item)}")
            done += item["sk"]["S"] == keys.MESSAGE and work.is_done(item)
            contents += expected is None and item["sk"]["S"] == keys.CONTENT
    if stays or contents or done != number:
        raise RuntimeError(
            f"{done:,} of {number:,} done, {contents:,} contents left, {len(stays):,} others gone"
        )


def _others(work: Work, number: int) -> Iterator[Item]:
    for record in work.others(number):
        yield from items(parse(json.dumps(record).encode()))


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _same(item: Item, expected: Item) -> bool:
    """Whether nothing has changed: but for where a message waits that is held, and when it was stored."""
    apart: Item = {"state_pk": {}, "stored_at": {}}
    return item | apart == expected | apart


@click.command()
@click.option("--home", type=Path, required=True, help="The folder with DynamoDBLocal.jar.")
@click.option(
    "--folder", type=Path, required=True, help="Where the filled table is kept; in memory, if it fits."
)
@click.option("--port", default=8010, show_default=True)
@click.option("--messages", default=200_000, show_default=True)
@click.option("--workers", type=int, multiple=True, default=(4, 1, 2), show_default=True)
@click.option("--work", "kinds", type=click.Choice(list(KINDS)), multiple=True, default=list(KINDS))
def command(
    *, home: Path, folder: Path, port: int, messages: int, workers: Sequence[int], kinds: Sequence[str]
) -> None:
    """Fill what is not filled yet, then print a line for each run; fail if one did what it must not."""
    if not (folder / FILE).exists():
        folder.mkdir(parents=True)
        with running(home, folder, port) as url:
            for work in KINDS.values():
                fill(client(url), work.table, chain(work.records(messages), work.others(messages)))
    print(
        "| work | workers | messages | s | a second | died | done by these, unreported | not counted"
        " | in doubt | load |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for number in workers:
        for kind in kinds:
            with copy(home, folder, port) as url:
                ran = run(url, KINDS[kind], messages, number)
            speed = f"{ran.seconds:.0f} | {messages / ran.seconds:.0f}"
            uncounted = messages - ran.reported - ran.unreported
            deaths = f"{ran.deaths} | {ran.unreported:,} | {uncounted:,} | {ran.in_doubt:,}"
            print(f"| {kind} | {number} | {messages:,} | {speed} | {deaths} | {ran.load:.1f} |", flush=True)


if __name__ == "__main__":
    command()
