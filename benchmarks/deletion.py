"""What deleting a thousand webhook messages takes.

The DynamoDB (ministack, or what --dynamodb-url names) is a process of its own, so the CPU measured is the
client's. Figures are compared within one run; the last column says what must hold.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.as_deployed import environment

os.environ |= environment(POWERTOOLS_METRICS_DISABLED="true", POWERTOOLS_LOG_LEVEL="ERROR")

import click

import delete_inbound_messages
import delete_pull_events
from benchmarks.harness import Row, dynamodb_option, show
from cli.dynamodb import client, create_table
from expunge.deletions.soft_delete import Deletion, Target
from expunge.table import keys
from expunge.table.search import Partition
from expunge.table.store import store
from expunge.vocabulary import INBOUND_STATUSES
from tests.engines.tenant import TABLE, Tenant
from tests.world import Context, call

ROUNDS = 5


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


@click.command()
@click.option("--others", default=100_000, show_default=True, help="Other rows in the scope.")
@dynamodb_option
def command(others: int, dynamodb_url: str | None) -> None:
    """Print the table; exit with 1 if something that must hold does not."""
    show(lambda url: main(url, others), dynamodb_url)


if __name__ == "__main__":
    command()
