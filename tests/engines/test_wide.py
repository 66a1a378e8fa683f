"""What is due, and a channel, carried out by one, two and four workers, one of which is killed.

WIDE_MESSAGES says how many messages there are; a few hundred by default.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cli.dynamodb import ACCESS_KEY, REGION
from expunge import timestamps, timetokens
from expunge.deadline import Deadline
from expunge.deletions import work
from expunge.deletions.soft_delete import Deletion
from expunge.deletions.work import Task
from expunge.history import notes
from expunge.history.notes import Sweep
from expunge.table.store import Store
from tests.engines.channels import Channels
from tests.engines.due import bin_of, left
from tests.engines.tenant import TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.engine

MESSAGES = int(os.environ.get("WIDE_MESSAGES", "300"))
FIRST = 17_000_000_000_000_000
KILLED_AFTER = 2 + MESSAGES / 20_000
"""How many seconds; one of them is the start of the process."""


class Workers:
    """Processes that take tasks from one queue; what one that was killed had goes back into it."""

    def __init__(self, dynamodb_url: str, table: str, tasks: Sequence[Task]) -> None:
        self._environment = os.environ | {
            "TABLE_NAME": table,
            "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
            "AWS_REGION": REGION,
            "WORK_CONCURRENCY": "4",
        }
        self._queue = deque(task.body() for task in tasks)
        self.done = Counter[str]()

    def work_off(self, number: int, *, kill: bool) -> float:
        """Have so many do all tasks, and return how many seconds it took; with `kill` one dies."""
        began = time.monotonic()
        with ThreadPoolExecutor(number) as pool:
            for each in [pool.submit(self._work, kill=kill and at == 0) for at in range(number)]:
                each.result()
        return time.monotonic() - began

    def _work(self, *, kill: bool) -> None:
        while self._queue:
            with self._process() as process:
                while body := self._taken():
                    reply = self._reply(process, body, kill=kill)
                    if reply is None:
                        kill = False
                        self._queue.append(body)
                        break
                    self._queue.extend(reply.pop("again"))
                    self.done.update({name: value for name, value in reply.items() if name != "task"})
                process.stdin.close()

    def _taken(self) -> str | None:
        try:
            return self._queue.popleft()
        except IndexError:
            return None

    def _process(self) -> Any:
        command = [sys.executable, "-m", "tests.engines.worker"]
        return subprocess.Popen(  # noqa: S603 - our own
            command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def _reply(self, process: Any, body: str, *, kill: bool) -> Any:
        process.stdin.write(body + "\n")
        process.stdin.flush()
        if kill:
            time.sleep(KILLED_AFTER)
            process.kill()
            process.wait()
            return None
        return json.loads(process.stdout.readline())


def told(what: str, workers: int, seconds: float) -> None:
    print(f"{MESSAGES} {what} by {workers} workers: {seconds:.1f} s, {MESSAGES / seconds:.0f} a second")  # noqa: T201


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_all_that_is_due_is_purged_though_a_worker_dies(
    dynamodb: "DynamoDBClient", dynamodb_url: str, workers: int
) -> None:
    table = bin_of(dynamodb, range(MESSAGES))
    round_ = work.begin(Store(dynamodb, table), Deadline.never())
    now = timestamps.millis(timestamps.now())
    crowd = Workers(dynamodb_url, table, [Task("bin", round_.id, part, 4, now) for part in range(4)])

    told("purged", workers, crowd.work_off(workers, kill=True))

    # One item is the note about the round. What the dead one had removed, no answer told.
    assert left(dynamodb, table) == 1
    assert 0 < crowd.done["purged"] <= MESSAGES


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_channel_is_deleted_though_a_worker_dies(
    api: str, dynamodb: "DynamoDBClient", dynamodb_url: str, workers: int
) -> None:
    del api  # it has made the table
    channels = Channels(dynamodb, access_manager=False)
    channels.publish("large", range(FIRST, FIRST + MESSAGES))
    store, asked = Store(dynamodb, TABLE), timestamps.now() - timedelta(minutes=2)
    deletion = Deletion.of("req_wide", channels.sub_key, asked, 30)
    sweep = Sweep(channels.sub_key, ["large"], range(10**19), timetokens.after(asked), deletion)
    notes.put(store, sweep, Deadline.never())
    round_ = work.begin(store, Deadline.never())
    tasks = [Task("sweep", round_.id, part, 4, pk=sweep.place.pk, sk=sweep.place.sk) for part in range(4)]
    crowd = Workers(dynamodb_url, TABLE, tasks)

    told("deleted", workers, crowd.work_off(workers, kill=True))

    assert channels.history("large") == []
    assert 0 < crowd.done["deleted"] <= MESSAGES
    work.end(store, Deadline.never())
