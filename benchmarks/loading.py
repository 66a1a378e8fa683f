"""What loading messages takes, beside writing items that lie ready without asking for anything.

`load` reads, checks and compresses its lines, then writes them in transactions, each under a condition.
Beside it, BatchWriteItem writes the same items, 25 a call, ready made and unconditionally, over as many
connections. Both are compared on a DynamoDB in a process of its own, which takes its part of this machine's
processors, and on a store that only takes time: 10 ms a batch and 30 ms a transaction. These are chosen, not
measured.
"""

import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.answering import reply
from benchmarks.deletion import cpu_of
from benchmarks.harness import Row, table_of
from cli.dynamodb import client, create_table
from cli.load import load_files
from expunge.table.storing import AT_ONCE, MAX_BYTES
from tests.engines.tenant import TABLE, Tenant, chunks, puts_of

ROUNDS = 5

IN_FLIGHT = 2 * AT_ONCE * MAX_BYTES / 1e6
"""Megabytes of the transactions that `load` has on their way: whether all are full at once is chance."""

SLOW: dict[str, tuple[float, dict[str, Any]]] = {
    "BatchWriteItem": (0.01, {"UnprocessedItems": {}}),
    "TransactWriteItems": (0.03, {}),
    "DescribeTable": (0.0, {"Table": {}}),
    "BatchGetItem": (0.0, {"Responses": {}, "UnprocessedKeys": {}}),
}
"""Seconds and answers of the store that only takes time."""


def main(url: str) -> Iterator[Row]:
    """Measure; yields lines as they are known."""
    dynamodb = client(url)
    create_table(dynamodb, TABLE, stream=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "some.jsonl")
        for store, where in ((dynamodb, "the engine"), (slow(url), "10 ms a batch, 30 ms a transaction")):
            yield compared(store, path, where, 3000, lines=1)
            yield compared(store, path, where, 1000, lines=250)
        once, twenty = Path(folder, "once.jsonl"), Path(folder, "twenty.jsonl")
        write_file(once, 2000)
        write_file(twenty, 40_000)
        small, large = peak_mb_of_load(once, url), peak_mb_of_load(twenty, url)
        yield Row(
            f"peak memory of loading {megabytes(once)}; {megabytes(twenty)}",
            f"{small:.0f} MB; {large:.0f} MB",
            f"at most {IN_FLIGHT:.0f} MB more: what is on its way",
            large <= small + IN_FLIGHT,
        )


def slow(url: str) -> Any:
    """A client of the store that only takes time."""
    made = client(url)
    events: Any = made.meta.events

    def answer(request: Any, seconds: float, body: dict[str, Any], **_: Any) -> Any:
        time.sleep(seconds)
        return reply(request, body)

    for operation, (seconds, body) in SLOW.items():
        events.register(f"before-send.dynamodb.{operation}", partial(answer, seconds=seconds, body=body))
    return made


def compared(dynamodb: Any, path: Path, where: str, count: int, lines: int) -> Row:
    """Load a file of new messages and write the items of another one, in turns."""
    ours, plain = [], []
    for _ in range(ROUNDS):
        write_file(path, count, lines)
        with path.open() as file:
            puts = [{"PutRequest": write["Put"]} for line in file for write in puts_of(json.loads(line))]
        plain.append(cpu_of(partial(batch_writes, dynamodb, puts)))
        write_file(path, count, lines)
        ours.append(cpu_of(lambda: load_files(dynamodb, TABLE, [path])))
    (our_cpu, our_clock), (cpu, clock) = (
        [median(each) for each in zip(*all_, strict=True)] for all_ in (ours, plain)
    )
    ratio = clock / our_clock
    return Row(
        f"{count:,} messages of {80 * lines:,} bytes, {where}",
        f"{our_clock:.2f} s; {clock:.2f} s: {ratio:.2f} times as fast"
        f" (client's CPU {our_cpu:.2f} s; {cpu:.2f} s)",
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


if __name__ == "__main__":
    table_of(main)()
