"""What deleting a thousand webhook messages takes, and what loading them takes.

The DynamoDB (ministack, or what --dynamodb-url names) is a process of its own, so the CPU measured is the
client's. Figures are compared within one run; the last column says what must hold.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from tests.as_deployed import environment

os.environ |= environment(POWERTOOLS_METRICS_DISABLED="true", POWERTOOLS_LOG_LEVEL="ERROR")

import click

import delete_inbound_messages
import delete_pull_events
from benchmarks.harness import Row, show
from cli.dynamodb import client, create_table
from cli.load import load_files
from expunge.deletions.soft_delete import Deletion, Target
from expunge.table import keys
from expunge.table.search import Partition
from expunge.table.store import store
from expunge.table.storing import AT_ONCE, MAX_BYTES
from expunge.vocabulary import INBOUND_STATUSES
from tests.engines.tenant import TABLE, Tenant, chunks, puts_of
from tests.world import Context, call

ROUNDS = 5

IN_FLIGHT = 2 * AT_ONCE * MAX_BYTES / 1e6
"""Megabytes of the transactions that `load` has on their way: whether all are full at once is chance."""


@dataclass
class Calls:
    """What a client asks of DynamoDB: calls by operation, rows and units that its queries read."""

    made: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    units: float = 0

    def watch(self, dynamodb: Any) -> None:
        """Count from now on."""
        dynamodb.meta.events.register("before-parameter-build.dynamodb", self._ask)
        dynamodb.meta.events.register("after-call.dynamodb", self._count)

    def reset(self) -> None:
        """Begin at nought."""
        self.made.clear()
        self.rows, self.units = 0, 0

    def _ask(self, params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def _count(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        self.made[model.name] += 1
        if model.name == "Query":
            self.rows += parsed["ScannedCount"]
            self.units += parsed["ConsumedCapacity"]["CapacityUnits"]

    def read(self) -> tuple[int, float]:
        """Rows and units since the last reset."""
        return self.rows, self.units


def main(url: str, others: int) -> Iterator[Row]:
    """Measure; yields lines as they are known."""
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = url
    dynamodb = client(url)
    create_table(dynamodb, TABLE)
    yield from round_trips_and_cpu(dynamodb)
    yield from flat_reads(dynamodb, others)
    yield from loading(dynamodb, url)


def delete_all(tenant: Tenant, **query: str) -> None:
    """Delete inbound messages through the handler."""
    reply = call(
        delete_inbound_messages.handler,
        query=query,
        headers={"authorization": f"Bearer {tenant.key}"},
        context=Context(),
    )
    if "error" in reply.body:
        raise RuntimeError(reply.body["error"]["message"])


def delete_by_type(tenant: Tenant, event_type: str) -> None:
    """Delete pull events through the handler."""
    reply = call(
        delete_pull_events.handler,
        query={"event_type": event_type, "status": "stored"},
        path={"id": tenant.pull},
        headers={"authorization": f"Bearer {tenant.key}"},
        context=Context(),
    )
    if "error" in reply.body:
        raise RuntimeError(reply.body["error"]["message"])


def cpu_of(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of CPU of this process, and of the clock."""
    started, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - started, time.perf_counter() - clock


def round_trips_and_cpu(dynamodb: Any) -> Iterator[Row]:
    """Compare the handler with the plainest way: one conditional UpdateItem a row."""
    calls = Calls()
    delete_all(Tenant(dynamodb))  # warm
    calls.watch(store().client)
    handler_cpu, handler_clock, plain_cpu, plain_clock = [], [], [], []
    for _ in range(ROUNDS):
        ours, theirs = Tenant(dynamodb), Tenant(dynamodb)
        ours.load(ours.message(number) for number in range(1000))
        theirs.load(theirs.message(number) for number in range(1000))
        delete_all(ours, status="queued")  # the key is known, nothing is deleted
        calls.reset()
        cpu, clock = cpu_of(lambda ours=ours: delete_all(ours))  # type: ignore[misc] # mypy cannot infer it
        handler_cpu.append(cpu)
        handler_clock.append(clock)
        made = Counter(calls.made)
        cpu, clock = cpu_of(lambda theirs=theirs: one_by_one(theirs))  # type: ignore[misc] # likewise
        plain_cpu.append(cpu)
        plain_clock.append(clock)
    writes, queries = made["TransactWriteItems"], made["Query"]
    yield Row("write calls for 1,000 deletions", f"{writes}", "at most 12", writes <= 12)
    yield Row(
        "queries for them, 5 statuses of an account",
        f"{queries}",
        "1 a partition and page",
        queries == len(INBOUND_STATUSES) * keys.ACCOUNT_SHARDS,
    )
    ratio = median(plain_cpu) / median(handler_cpu)
    yield Row(
        "client CPU for them; one UpdateItem a row",
        f"{median(handler_cpu) * 1000:.0f} ms; {median(plain_cpu) * 1000:.0f} ms: 1/{ratio:.1f}",
        "at most 1/10",
        ratio >= 10,
    )
    yield Row(
        "time for them; one UpdateItem a row",
        f"{median(handler_clock) * 1000:.0f} ms; {median(plain_clock) * 1000:.0f} ms",
        "",
        holds=True,
    )


def one_by_one(tenant: Tenant) -> None:
    """One UpdateItem a row, by boto3's client as it comes."""
    import boto3  # noqa: PLC0415 - as a program of its own would

    plain = boto3.client("dynamodb")
    deletion = Deletion("req_plain", "key_plain", "2026-05-01T00:00:00.000Z", "2026-06-01T00:00:00.000Z")
    live = Partition(keys.BY_STATE, keys.live("INBOUND", tenant.account, tenant.inbound, "succeeded"))
    for number in range(1000):
        pk = keys.message("INBOUND", tenant.account, tenant.id(number))
        plain.update_item(**Target(deletion, pk, live).write(TABLE)["Update"])


def flat_reads(dynamodb: Any, others: int) -> Iterator[Row]:
    """Delete 1,000 among few and among many others of the same endpoint, living and dead."""
    calls = Calls()
    calls.watch(store().client)
    read = {}
    for count in (1000, others):
        tenant = Tenant(dynamodb)
        tenant.load(among(tenant, count))
        delete_all(tenant, status="queued")  # the key is known, nothing is deleted
        calls.reset()
        delete_all(tenant, status="failed_permanent")
        by_status = calls.read()
        calls.reset()
        delete_by_type(tenant, "order.created")
        read[count] = by_status, calls.read()
    for at, what in enumerate(("by status", "by event type")):
        (few_rows, few_units), (many_rows, many_units) = read[1000][at], read[others][at]
        yield Row(
            f"rows (units) read to delete 1,000 {what} among 1,000; among {others:,} others",
            f"{few_rows:,} ({few_units:g}); {many_rows:,} ({many_units:g})",
            "within 10 %",
            many_rows <= 1.1 * few_rows and many_units <= 1.1 * few_units,
        )


def among(tenant: Tenant, others: int) -> Iterator[dict[str, Any]]:
    """1,000 inbound messages and 1,000 pull events that will match, and others: half living, half dead."""
    dead = {
        "deleted_at": "2026-05-01T00:00:00.000Z",
        "deleted_by": "key_x",
        "delete_request_id": "req_x",
        "purge_at": "2026-06-01T00:00:00.000Z",
    }
    for number in range(1000):
        yield tenant.message(number, status="failed_permanent")
        yield tenant.event(number)
    for number in range(1000, 1000 + others // 2):
        flags = dead if number % 2 else {}
        yield tenant.message(number, status="failed_permanent" if flags else "succeeded", **flags)
        yield tenant.event(number, event_type="order.created" if flags else "order.paid", **flags)


def loading(dynamodb: Any, url: str) -> Iterator[Row]:
    """Compare `load` with unconditional batch writes of ready-made items, then load twenty times as much."""
    with tempfile.TemporaryDirectory() as folder:
        once, twenty = Path(folder, "once.jsonl"), Path(folder, "twenty.jsonl")
        write_file(twenty, 40_000)
        brief = Path(folder, "brief.jsonl")
        yield compared(dynamodb, once, "2,000 messages of 20 KB", lambda: write_file(once, 2000))
        yield compared(dynamodb, brief, "3,000 of 80 bytes", lambda: write_file(brief, 3000, lines=1))
        small, large = peak_mb_of_load(once, url), peak_mb_of_load(twenty, url)
        yield Row(
            f"peak memory of loading {megabytes(once)}; {megabytes(twenty)}",
            f"{small:.0f} MB; {large:.0f} MB",
            f"at most {IN_FLIGHT:.0f} MB more: what is on its way",
            large <= small + IN_FLIGHT,
        )


def compared(dynamodb: Any, path: Path, what: str, write: Callable[[], None]) -> Row:
    """Load a file of new messages and write the items of another one, in turns."""
    ours, plain = [], []
    for _ in range(ROUNDS):
        write()
        with path.open() as file:
            puts = [{"PutRequest": write["Put"]} for line in file for write in puts_of(json.loads(line))]
        _, clock = cpu_of(partial(batch_writes, dynamodb, puts))
        plain.append(clock)
        write()
        _, clock = cpu_of(lambda: load_files(dynamodb, TABLE, [path]))
        ours.append(clock)
    ratio = median(plain) / median(ours)
    return Row(
        f"load of {what}, checked; unconditional batch writes of 25 ready-made items",
        f"{median(ours):.2f} s; {median(plain):.2f} s: {ratio:.2f} times as fast",
        "at least 0.3; the aim is 0.8",
        ratio >= 0.3,
    )


def megabytes(path: Path) -> str:
    """Size of a file."""
    return f"{path.stat().st_size / 1e6:.0f} MB"


# Not getrusage's figure: that begins with the memory of the process that started this one.
LOAD = """
import sys
from cli.main import run
status = run(["load", *sys.argv[1:]])
with open("/proc/self/status") as lines:
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
sys.exit(status)
"""


def peak_mb_of_load(path: Path, url: str) -> float:
    """Most memory that a process of its own takes for `expunge load` (on Linux)."""
    command = [sys.executable, "-c", LOAD, str(path), "--dynamodb-url", url]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - our own command
    return int(done.stdout.split()[-1]) / 1024


def write_file(path: Path, count: int, lines: int = 250) -> None:
    """Write so many new messages with payloads that compress as JSON does, of 80 bytes a line."""
    account, endpoint = f"acc_{uuid.uuid4().hex}", str(uuid.uuid4())
    with path.open("w") as file:
        for number in range(count):
            payload = [
                {"id": str(uuid.UUID(int=number * 97 + n)), "type": "order", "n": n} for n in range(lines)
            ]
            record = {
                "kind": "inbound_message",
                "account_id": account,
                "id": Tenant.id(number),
                "inbound_endpoint_id": endpoint,
                "status": "succeeded",
                "received_at": "2026-04-01T00:00:00Z",
                "payload": payload,
            }
            file.write(json.dumps(record) + "\n")


def batch_writes(dynamodb: Any, puts: Sequence[Any]) -> None:
    """Write items without conditions, as many at once as `load` has on their way."""
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(
            lambda some: dynamodb.batch_write_item(RequestItems={TABLE: some}), chunks(puts, 25)
        ):
            pass


@click.command()
@click.option("--others", default=100_000, show_default=True, help="Other rows in the scope.")
@click.option("--dynamodb-url", metavar="URL", help="An engine instead of the embedded one.")
def command(others: int, dynamodb_url: str | None) -> None:
    """Print the table; exit with 1 if something that must hold does not."""
    show(lambda url: main(url, others), dynamodb_url)


if __name__ == "__main__":
    command()
