"""What is due, and a channel, carried out by one, two and four workers, one of which is killed.

WIDE_MESSAGES says how many messages there are; a few hundred by default.
"""

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from expunge import timestamps, timetokens
from expunge.background import rounds
from expunge.background.tasks import Task
from expunge.deadline import Deadline
from expunge.deletions.soft_delete import Deletion
from expunge.history import notes
from expunge.history.notes import Sweep
from expunge.table.store import Store
from tests.engines.channels import Channels
from tests.engines.crowd import Crowd
from tests.engines.due import bin_of, left
from tests.engines.tenant import TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.engine

MESSAGES = int(os.environ.get("WIDE_MESSAGES", "300"))
FIRST = 17_000_000_000_000_000
KILL_AFTER = 2 + MESSAGES / 20_000
"""How many seconds; one of them is the start of the process."""


def told(what: str, workers: int, seconds: float) -> None:
    print(f"{MESSAGES} {what} by {workers} workers: {seconds:.1f} s, {MESSAGES / seconds:.0f} a second")  # noqa: T201


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_all_that_is_due_is_purged_though_a_worker_dies(
    dynamodb: "DynamoDBClient", dynamodb_url: str, workers: int
) -> None:
    table = bin_of(dynamodb, range(MESSAGES))
    round_ = rounds.begin(Store(dynamodb, table), Deadline.never())
    now = timestamps.millis(timestamps.now())
    crowd = Crowd(dynamodb_url, table)

    tasks = [Task("bin", round_.id, part, 4, now) for part in range(4)]
    told("purged", workers, crowd.work_off(tasks, workers, kill_after=KILL_AFTER))

    # One item is the note about the round. What the dead one had removed, no answer told.
    assert left(dynamodb, table) == 1
    assert 0 < crowd.done.total() <= MESSAGES


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
    round_ = rounds.begin(store, Deadline.never())
    tasks = [Task("sweep", round_.id, part, 4, pk=sweep.place.pk, sk=sweep.place.sk) for part in range(4)]
    crowd = Crowd(dynamodb_url, TABLE)

    told("deleted", workers, crowd.work_off(tasks, workers, kill_after=KILL_AFTER))

    assert channels.history("large") == []
    assert 0 < crowd.done.total() <= MESSAGES
    rounds.end(store, Deadline.never())
