"""What several functions do at a size that cannot be run here: the real code, on a simulated store.

What it finds is kept in scale.json, and drawn by picture.py for docs/costs-and-limits.md.
"""

import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from unittest.mock import patch

from tests.as_deployed import environment

if __name__ == "__main__":
    os.environ |= environment(POWERTOOLS_METRICS_DISABLED="true", POWERTOOLS_LOG_LEVEL="ERROR")

from benchmarks.simulated_store import CHANNEL, SUB_KEY, SimulatedStore
from benchmarks.simulation import START, Simulation
from expunge import timestamps, timetokens
from expunge.background import queue, tasks, worker
from expunge.background.rounds import Round
from expunge.background.tasks import Task
from expunge.deletions import purging
from expunge.deletions.soft_delete import Deletion
from expunge.history import carrying_out, channels, passes
from expunge.history.notes import Sweep
from expunge.table import at_once, keys
from expunge.table.store import Store

RESULTS = Path(__file__).with_suffix(".json")
ROUND = Round("round-1", "")


class Result(NamedTuple):
    """What so many workers did."""

    workers: int
    done: int
    a_second: float
    seconds: float
    calls: int
    refused: int
    units: float


class Work(Protocol):
    """Something that workers do: to so many messages, for so many simulated seconds or to the end."""

    def __call__(self, workers: int, messages: int, *, until: float, slower: float = 1.0) -> Result:
        """Do it on a store that takes so many times as long as usual."""


TIME_LIMIT = 45
"""Seconds of a function."""


@contextmanager
def shards(bins: int) -> Iterator[None]:
    """Have so many partitions in the bin."""
    with patch.object(keys, "BIN_SHARDS", bins):
        yield


def purge(workers: int, messages: int, *, until: float, slower: float = 1.0) -> Result:
    """Have messages purged that are due."""
    moment = timestamps.millis(START)
    return _run(
        workers,
        lambda: tasks.of_bin(ROUND, moment),
        until,
        lambda simulation: SimulatedStore(simulation, due=messages, slower=slower),
    )


def sweep(workers: int, messages: int, *, until: float, slower: float = 1.0) -> Result:
    """Have the history of a channel deleted."""
    asked = timetokens.after(timestamps.parse("2026-09-30T00:00:00Z"))
    deletion = Deletion.of("req_1", SUB_KEY, timestamps.parse("2026-09-30T00:00:00Z"), 30)
    note = Sweep(SUB_KEY, [CHANNEL], range(10**19), asked, deletion)

    def store(simulation: Simulation) -> SimulatedStore:
        simulated = SimulatedStore(simulation, channel=messages, slower=slower)
        simulated.items[note.place] = note.item()
        return simulated

    return _run(workers, lambda: tasks.of_sweep(ROUND, *note.place, divided=True), until, store)


def _time_left(simulation: Simulation) -> Callable[[], int]:
    ends = simulation.now + TIME_LIMIT
    return lambda: int(1000 * (ends - simulation.now))


def _run(
    workers: int, given: Callable[[], list[Task]], until: float, make: Callable[[Simulation], SimulatedStore]
) -> Result:
    simulation = Simulation(until)
    simulated = make(simulation)
    texts = {"round_id": ROUND.id, "began_at": "", "run_id": ""}
    simulated.items[keys.LEASE, keys.WORK] = {name: {"S": text} for name, text in texts.items()}
    client: Any = simulated
    store = Store(client, "simulated")
    with patch.object(tasks, "work_concurrency", lambda: workers):
        waiting = deque(task.body() for task in given())

    def work() -> None:
        while waiting:
            task = Task.of_body(waiting.popleft())
            simulation.sleep(0.02)  # the queue brings it
            worker.carry_out(store, task, _time_left(simulation))

    def send(again: list[Task], *_: object) -> None:
        waiting.extend(task.body() for task in again)

    with ExitStack() as replaced:
        modules = (purging, at_once, passes, channels, carrying_out)
        replaced.enter_context(simulation.replacing(*modules))
        replaced.enter_context(patch.object(worker, "count", lambda *_, **__: None))
        replaced.enter_context(patch.object(queue, "send", send))
        simulation.run([work] * workers)
    ended = simulation.now
    warm = WARM if ended >= until - 1 else 0.0
    rate = sum(done for moment, done in simulated.done_at if moment >= warm) / max(0.001, ended - warm)
    return Result(
        workers,
        simulated.done,
        rate,
        ended,
        simulated.calls["transact_write_items"],
        simulated.calls["refused"],
        simulated.units["write"],
    )


WORKERS = (1, 2, 4, 8, 16, 32, 64)
SECONDS = 5.0
WARM = 2.0
"""Simulated, of which the first one is left out."""

DUE = 10**9
CHANNEL_MESSAGES = 10**8


class Line(NamedTuple):
    """A line of the picture: what is done, with how many partitions in the bin, by how many workers."""

    what: str
    bins: int
    results: list[Result]


def measure(said: Callable[[str], object]) -> list[Line]:
    """Run everything; takes a quarter of an hour."""
    lines = []
    for bins in (16, 64):
        with shards(bins):
            results = [purge(workers, DUE, until=SECONDS) for workers in WORKERS]
        lines.append(Line("purge", bins, results))
        said(f"purge, {bins}: {[round(each.a_second) for each in results]}")
    results = [sweep(workers, CHANNEL_MESSAGES, until=SECONDS) for workers in WORKERS]
    said(f"sweep: {[round(each.a_second) for each in results]}")
    lines.append(Line("sweep", 16, results))
    results = [purge(workers, DUE, until=SECONDS, slower=2) for workers in WORKERS[:5]]
    said(f"purge, slower: {[round(each.a_second) for each in results]}")
    return [*lines, Line("purge, store twice as slow", 16, results)]


def main() -> None:
    """Measure, and keep the results in a file beside this one."""
    lines = [
        line._asdict() | {"results": [each._asdict() for each in line.results]} for line in measure(print)
    ]
    RESULTS.write_text(json.dumps(lines, indent=1) + "\n")


if __name__ == "__main__":
    main()
