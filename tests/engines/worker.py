"""A worker as a process: tasks come in by a line, what it did and the tasks that it would send go out by one.

The test that starts it is the queue, so that any engine will do and it is known who had which task.
"""

import json
import os
import sys
from collections.abc import Sequence

from expunge.background import queue, worker
from expunge.background.tasks import Task
from expunge.errors import PurgeFailed
from expunge.table.store import store
from tests.world import RunningOut


def main() -> None:
    again: list[str] = []

    def send(tasks: Sequence[Task], *_: object) -> None:
        again.extend(task.body() for task in tasks)

    setattr(queue, "send", send)  # noqa: B010 - mypy knows it as a function of the module
    # Whatever is logged and measured, from whenever, goes where errors go: a line that comes out is a reply.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for body in sys.stdin:
        again.clear()
        time_left = RunningOut(seconds=45).get_remaining_time_in_millis
        try:
            reply = worker.carry_out(store(), Task.of_body(body), time_left)
        except PurgeFailed as error:  # the queue brings it again
            reply = {"purged": error.purged, "in_doubt": error.in_doubt, "task": "failed"}
            again.append(body)
        print(json.dumps({**reply, "again": again}), file=out, flush=True)


if __name__ == "__main__":
    main()
