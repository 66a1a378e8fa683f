"""What deleting 1,000 messages takes by this service and by the ways in which it is done without it.

Against the size of the table: the messages lie among more and more others of the same endpoint. Against the
number of clients: so many begin at once, each to delete the same messages. Every way gets an account of its
own with messages of its own each time. Writes what was measured to comparison.json, from which
comparison_picture.py draws. The DynamoDB is a process of its own, so that CPU is the client's. Written units
depend on nothing but the way, so they are counted once, on the embedded engine, because DynamoDB Local tells
none of transactions. Neither of them counts what a batch of statements writes to the indexes: that is nought
in the file and left out.
"""

import json
import os
import platform
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.as_deployed import environment

os.environ |= environment(POWERTOOLS_METRICS_DISABLED="true", POWERTOOLS_LOG_LEVEL="ERROR")

import click

from benchmarks.harness import dynamodb_option, engine_at
from benchmarks.ways import STATUS, WAYS, clients_of
from cli.dynamodb import client, create_table
from cli.progress import bar, watched
from expunge.table.session import session
from expunge.table.store import store
from tests.engines.tenant import TABLE, Tenant

RESULTS: Final = Path(__file__).with_suffix(".json")
MESSAGES: Final = 1000
NOT_TOLD: Final = ("PartiQL batches",)
READS: Final = frozenset({"Query", "Scan", "GetItem", "BatchGetItem"})


@dataclass
class Meter:
    """Calls and units, whoever makes them."""

    calls: int = 0
    written: float = 0
    read: float = 0
    _watched: list[Any] = field(default_factory=list)

    def watch(self, clients: list[Any]) -> None:
        """Count what they do."""
        for each in clients:
            each.meta.events.register("before-parameter-build.dynamodb", self._ask)
            each.meta.events.register("after-call.dynamodb", self._add)

    def reset(self) -> None:
        """Begin at nought."""
        self.calls, self.written, self.read = 0, 0, 0

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "TOTAL"

    def _add(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        self.calls += 1
        used = parsed.get("ConsumedCapacity") or []
        units = sum(each["CapacityUnits"] for each in (used if isinstance(used, list) else [used]))
        if model.name in READS:
            self.read += units
        else:
            self.written += units


def measured(url: str, rounds: int, sizes: Sequence[int], crowds: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield a result each for every way among so many others, then for every way and so many clients."""
    written = _written()
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = url
    for way in WAYS:  # so that all is imported and remembered
        _once(_tenant(url, 0), url, way, 1)
    for others in sizes:
        tenant = _tenant(url, others)
        for way in WAYS:
            took = _median(tenant, url, way, 1, rounds)
            yield {"way": way, "others": others} | took | {"written": written[way]}
    tenant = _tenant(url, sizes[0])
    for clients in crowds:
        for way in WAYS:
            took = _median(tenant, url, way, clients, rounds)
            del took["written"]  # writes that a condition refuses cost units too, and nobody tells them
            yield {"way": way, "clients": clients} | took


def _written() -> dict[str, float]:
    """Units by way, as the embedded engine counts them."""
    with engine_at(None) as url, using(url):
        told = [way for way in WAYS if way not in NOT_TOLD]
        found = {way: _once(_tenant(url, 0), url, way, 1)["written"] for way in told}
    return found | dict.fromkeys(NOT_TOLD, 0)


@contextmanager
def using(url: str) -> Iterator[None]:
    """Have the functions' store be there, for as long as the context lasts."""
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = url
    store.cache_clear()
    session.cache_clear()
    yield
    store.cache_clear()
    session.cache_clear()


def _tenant(url: str, others: int) -> Tenant:
    """An account with so many messages, in a table that holds no others."""
    dynamodb = client(url)
    if not create_table(dynamodb, TABLE, stream=False):
        dynamodb.delete_table(TableName=TABLE)
        create_table(dynamodb, TABLE, stream=False)
    tenant = Tenant(dynamodb)
    tenant.load(tenant.message(number) for number in range(MESSAGES, MESSAGES + others))
    return tenant


def _median(tenant: Tenant, url: str, way: str, clients: int, rounds: int) -> dict[str, float]:
    found = [_once(tenant, url, way, clients) for _ in range(rounds)]
    return {name: median(each[name] for each in found) for name in found[0]}


def _once(tenant: Tenant, url: str, way: str, clients: int) -> dict[str, float]:
    """Have all clients begin at once, and tell what they took and how many messages they reported."""
    tenant.load(tenant.message(number, status=STATUS) for number in range(MESSAGES))
    meter = _meter(url)
    meter.reset()
    with ThreadPoolExecutor(clients) as pool:
        cpu, began = time.process_time(), time.perf_counter()
        reports = list(pool.map(lambda _: WAYS[way](tenant, url), range(clients)))
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    told = Counter(each for report in reports for each in report)
    if set(told) != {tenant.id(number) for number in range(MESSAGES)}:
        raise RuntimeError(f"{way} left messages out, or took others")
    return {
        "seconds": took,
        "cpu": cpu,
        "calls": meter.calls,
        "written": meter.written,
        "read": meter.read,
        "reported": told.total(),
    }


@cache
def _meter(url: str) -> Meter:
    meter = Meter()
    meter.watch(clients_of(url))
    return meter


def machine() -> str:
    """What it runs on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores of {platform.machine()}, {memory:.0f} GB, Python {platform.python_version()}"
    )


@click.command()
@click.option("--rounds", default=3, show_default=True, help="Of which the medians are taken.")
@click.option("--others", "sizes", multiple=True, default=(1000, 4000, 16_000, 64_000), show_default=True)
@click.option("--clients", "crowds", multiple=True, default=(1, 2, 4, 8), show_default=True)
@dynamodb_option
@click.option("--engine", default="ministack", show_default=True, help="What it is called in the results.")
def command(
    rounds: int, sizes: Sequence[int], crowds: Sequence[int], dynamodb_url: str | None, engine: str
) -> None:
    """Measure, and write comparison.json."""
    with (
        engine_at(dynamodb_url) as url,
        bar("measuring", None, shown=watched(), unit="figures") as advance,
    ):
        results = []
        for each in measured(url, rounds, sizes, crowds):
            results.append(each)
            advance(1)
            # Written each time, because all of it takes long.
            RESULTS.write_text(json.dumps(_about(engine, rounds) | {"results": results}, indent=1) + "\n")


def _about(engine: str, rounds: int) -> dict[str, Any]:
    return {
        "date": f"{datetime.now(UTC):%-d %B %Y}",
        "machine": machine(),
        "engine": engine,
        "load": round(os.getloadavg()[1], 1),
        "rounds": rounds,
    }


if __name__ == "__main__":
    command()
