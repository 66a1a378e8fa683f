"""A channel of 200,000 messages, deleted by requests and by background runs, one of which dies."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from cli.dynamodb import ACCESS_KEY, REGION
from expunge import timestamps, timetokens
from expunge.table import keys
from tests.engines.channels import Channels
from tests.engines.tenant import TABLE, chunks

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.engine

MESSAGES = int(os.environ.get("LARGE_CHANNEL", "200_000"))
ACCESS = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": ACCESS_KEY, "AWS_REGION": REGION}
FIRST = 17_000_000_000_000_000
# A run takes 60, whatever the channel's size; the keys of all messages would take 100 more.
MOST_MEMORY_MB = 90


class Large:
    """The channel."""

    def __init__(self, dynamodb: "DynamoDBClient") -> None:
        self.dynamodb = dynamodb
        self.channels = Channels(dynamodb, access_manager=False)
        self.channels.publish("large", range(FIRST, FIRST + MESSAGES))

    def flagged(self, numbers: Sequence[int]) -> int:
        """How many of these messages are flagged."""
        pks = [
            keys.channel_message(self.channels.sub_key, "large", timetokens.order(each)) for each in numbers
        ]
        count = 0
        for chunk in chunks(pks, 100):
            wanted: Any = {TABLE: {"Keys": [{"pk": {"S": pk}, "sk": {"S": keys.MESSAGE}} for pk in chunk]}}
            found = self.dynamodb.batch_get_item(RequestItems=wanted)["Responses"][TABLE]
            count += sum("deleted_at" in item for item in found)
        return count

    def delete(self, api: str, query: str = "") -> Any:
        url = f"{api}/v3/history/sub-key/{self.channels.sub_key}/channel/large?{query}"
        request = urllib.request.Request(url, method="DELETE")  # noqa: S310 - our own loopback server
        with urllib.request.urlopen(request) as reply:  # noqa: S310
            return json.load(reply)


@pytest.fixture(scope="module")
def large(api: str, dynamodb: "DynamoDBClient") -> Large:  # noqa: ARG001 - the API makes the table
    return Large(dynamodb)


RESUME = """
import re, time
from pathlib import Path
from expunge.history import sweeps
from expunge.deadline import Deadline
from expunge.table.store import store
end = time.monotonic() + 300
remaining = sweeps.resume(store(), Deadline(lambda: int(1000 * (end - time.monotonic())))).remaining
# Not getrusage's figure: that begins with the memory of the process that started this one.
status = Path("/proc/self/status")
peak = re.search("VmHWM:[^0-9]*([0-9]+) kB", status.read_text())[1] if status.exists() else 0
print(remaining, int(peak) // 1024)
"""


def start_run(dynamodb_url: str) -> "subprocess.Popen[str]":
    """Start what the scheduled function does first, with as much time."""
    environment = {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb_url, **ACCESS, "POWERTOOLS_METRICS_DISABLED": "true"}
    return subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", RESUME], stdout=subprocess.PIPE, text=True, env=os.environ | environment
    )


def finish(run: "subprocess.Popen[str]") -> tuple[bool, int]:
    """Whether something remains after a run, and the megabytes that it took at most (where Linux tells)."""
    printed, _ = run.communicate()
    assert run.returncode == 0
    remaining, megabytes = printed.splitlines()[-1].split()
    return remaining == "True", int(megabytes)


def test_it_is_deleted_by_requests_and_runs_that_overlap_and_die(
    large: Large, api: str, dynamodb_url: str
) -> None:
    assert large.delete(api) == {"status": 200, "error": False, "error_message": ""}

    new = timetokens.after(timestamps.now())
    large.channels.publish("large", [new])

    some = range(FIRST, FIRST + MESSAGES, MESSAGES // 400)
    before = large.flagged(some)
    assert before < len(some), f"a request deletes {MESSAGES} messages here: set LARGE_CHANNEL to more"
    with start_run(dynamodb_url) as dying:
        try:
            while large.flagged(some) < before + 4:
                assert dying.poll() is None
                time.sleep(0.05)
        finally:
            dying.kill()
    assert large.flagged(some) < len(some)

    runs = [start_run(dynamodb_url), start_run(dynamodb_url)]
    assert large.delete(api, f"start={FIRST + MESSAGES}")["status"] == 200
    finished = [finish(run) for run in runs]
    while finished[-1][0]:
        finished.append(finish(start_run(dynamodb_url)))

    assert large.channels.history("large") == [new]
    assert large.flagged(range(FIRST, FIRST + MESSAGES)) == MESSAGES
    assert max(megabytes for _, megabytes in finished) < MOST_MEMORY_MB
