"""Workers as processes, one of which may be killed, and the queue from which they take their tasks."""

import json
import os
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from expunge.background.tasks import Task
from tests.as_deployed import environment

Died = Callable[[Task, int], None]
"""Is told the task of a worker that died, and how much was reported of its part, before others get it."""


def _nothing(_: Task, __: int) -> None:
    """What is done about a worker that died by one who need not know."""


class Crowd:
    """Processes that take tasks from one queue; what one that was killed had goes back into it."""

    def __init__(self, dynamodb_url: str, table: str, died: Died = _nothing) -> None:
        settings = environment(TABLE_NAME=table, AWS_ENDPOINT_URL_DYNAMODB=dynamodb_url, WORK_CONCURRENCY="4")
        self._environment = os.environ | settings
        self._queue = deque[str]()
        self._died = died
        self.done = Counter[int]()
        """How much the workers said that they did, by the part; those that died said nothing."""
        self.in_doubt = 0
        """How much more they said that they may have done."""
        self.deaths = 0

    def work_off(self, tasks: Sequence[Task], number: int, *, kill_after: float | None = None) -> float:
        """Have so many do all tasks, kill one after so many seconds, and return how many all took."""
        self._queue.extend(task.body() for task in tasks)
        began = time.monotonic()
        with ThreadPoolExecutor(number) as pool:
            for each in [pool.submit(self._work, kill_after if at == 0 else None) for at in range(number)]:
                each.result()
        return time.monotonic() - began

    def _work(self, kill_after: float | None) -> None:
        while self._queue:
            with self._process() as process:
                while body := self._taken():
                    task = Task.of_body(body)
                    if reply := self._reply(process, body, kill_after):
                        self._queue.extend(reply["again"])
                        self.done[task.part] += reply.get("purged", 0) + reply.get("deleted", 0)
                        self.in_doubt += reply.get("in_doubt", 0)
                        continue
                    kill_after = None
                    self.deaths += 1
                    self._died(task, self.done[task.part])
                    self._queue.append(body)
                    break
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

    def _reply(self, process: Any, body: str, kill_after: float | None) -> Any:
        process.stdin.write(body + "\n")
        process.stdin.flush()
        if kill_after is not None:
            time.sleep(kill_after)
            process.kill()
            process.wait()
            return None
        answer = process.stdout.readline()
        return json.loads(answer) if answer else None
