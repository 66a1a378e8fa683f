"""What purging takes: write calls, queries, seconds and memory.

The DynamoDB (ministack, or what --dynamodb-url names) is a process of its own. So is each purge: its memory
is that of a process that does nothing else, as in Lambda.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from benchmarks.harness import Row, dynamodb_option, show
from cli.dynamodb import client
from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.purging import PAGE, ROWS, remove_due
from expunge.table import keys
from expunge.table.store import Store
from tests.engines.due import DUE, bin_of


class Run(NamedTuple):
    """What one purge took."""

    due: int
    purged: int
    writes: int
    queries: int
    seconds: float
    cpu: float
    megabytes: float


def main(url: str, messages: int) -> Iterator[Row]:
    """Purge a tenth of so many, then so many; yields lines as they are known."""
    runs = []
    for due in (messages // 10, messages):
        run = purge(url, due)
        runs.append(run)
        writes, pages = -(-due // ROWS), due // PAGE + keys.BIN_SHARDS + 1  # and the holds
        yield Row(f"purged of {due:,} due", f"{run.purged:,}", "all", run.purged == due)
        yield Row(f"write calls for {due:,}", f"{run.writes:,}", f"at most {writes:,}", run.writes <= writes)
        yield Row(f"queries for {due:,}", f"{run.queries:,}", f"at most {pages:,}", run.queries <= pages)
        rate = f"{run.seconds:.1f} s; {run.due / run.seconds:,.0f} a second; {run.cpu:.1f} s"
        yield Row(f"time for {due:,}; rate; CPU of the function", rate, "", holds=True)
    few, many = runs
    yield Row(
        f"peak memory for {few.due:,}; {many.due:,}",
        f"{few.megabytes:.0f} MB; {many.megabytes:.0f} MB",
        "constant",
        many.megabytes <= 1.1 * few.megabytes,
    )


def purge(url: str, messages: int) -> Run:
    """Make so many due, then purge them in a process of its own."""
    table = bin_of(client(url), range(messages))
    command = [sys.executable, __file__, "--dynamodb-url", url, "--purge-table", table]
    report = json.loads(subprocess.check_output(command))  # noqa: S603 - our own command
    return Run(due=messages, **report)


def purge_here(url: str, table: str) -> dict[str, Any]:
    """Purge with all the time that it takes, and say what it took."""
    dynamodb, sent = client(url), Counter[str]()

    def count(event_name: str, **_: Any) -> None:
        sent[event_name.rpartition(".")[2]] += 1

    dynamodb.meta.events.register("before-send.dynamodb", count)
    began, cpu = time.perf_counter(), time.process_time()
    purged = remove_due(Store(dynamodb, table), timestamps.parse(DUE), 30, Deadline.never())
    if purged.stopped is not None:
        raise purged.stopped
    return {
        "purged": purged.removed,
        "writes": sent["TransactWriteItems"],
        "queries": sent["Query"],
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "megabytes": peak_megabytes(),
    }


def peak_megabytes() -> float:
    """Most memory that this process has taken; needs Linux.

    What the usual `ru_maxrss` says includes the process that started it.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


@click.command()
@click.option("--messages", default=10_000, show_default=True, help="Messages that are due.")
@dynamodb_option
@click.option("--purge-table", hidden=True)
def command(messages: int, dynamodb_url: str | None, purge_table: str | None) -> None:
    """Print the table; exit with 1 if something that must hold does not."""
    if dynamodb_url and purge_table:
        print(json.dumps(purge_here(dynamodb_url, purge_table)))
        return
    show(lambda url: main(url, messages), dynamodb_url)


if __name__ == "__main__":
    command()
