"""What a message costs in DynamoDB's units: stored, deleted, looked for, purged.

Every call says what it consumed. Units follow from the sizes of items, so one run is enough and no figure
depends on the machine. The engine is ministack, or what --dynamodb-url names.
"""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.as_deployed import environment

os.environ |= environment(POWERTOOLS_METRICS_DISABLED="true", POWERTOOLS_LOG_LEVEL="ERROR")

import click

import delete_channel_history
import delete_inbound_message
import delete_inbound_message_batch
import delete_inbound_messages
import delete_outbound_messages
import delete_pull_events
import purge
import store_records
from benchmarks.harness import dynamodb_option, engine_at
from cli.dynamodb import client, create_table
from cli.load import load_files
from expunge.deadline import Deadline
from expunge.deletions import holding
from expunge.deletions.covered import Covered
from expunge.deletions.purging import remove_due
from expunge.table.store import store
from tests.engines.channels import Channels
from tests.engines.tenant import TABLE, Tenant
from tests.world import Context, call

MESSAGES = 1000
HOLDS = 100
PAYLOAD = {"text": "x" * 600}  # under 1 KB, compressed or not


class Units(NamedTuple):
    """What one step consumed, a message."""

    of_table: float
    of_state: float
    of_group: float
    read: float


class Meter:
    """Adds up what a client's calls consume."""

    def __init__(self, dynamodb: Any) -> None:
        self._written: Counter[str] = Counter()
        self._read = 0.0
        dynamodb.meta.events.register("before-parameter-build.dynamodb", self._ask)
        dynamodb.meta.events.register("after-call.dynamodb", self._add)

    def measure(self, work: Callable[[], object], messages: int) -> Units:
        """Do the work and say what each of so many messages took."""
        self._written.clear()
        self._read = 0.0
        work()
        table, state, group = (self._written[name] / messages for name in ("table", "by_state", "by_group"))
        return Units(table, state, group, self._read / messages)

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "INDEXES"

    def _add(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        for each in consumed if isinstance(consumed, list) else [consumed]:
            if model.name in ("Query", "GetItem", "BatchGetItem"):
                self._read += each["CapacityUnits"]
                continue
            self._written["table"] += each["CapacityUnits"]
            for name, index in each.get("GlobalSecondaryIndexes", {}).items():
                self._written[name] += index["CapacityUnits"]
                self._written["table"] -= index["CapacityUnits"]


class Step(NamedTuple):
    """Messages of one kind and how they are deleted."""

    what: str
    records: list[dict[str, Any]]
    delete: Callable[[], object]


def main(url: str) -> Iterator[tuple[str, Units]]:
    """Measure; yields lines as they are known."""
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = url
    loader = client(url)
    create_table(loader, TABLE)
    loading, working = Meter(loader), Meter(store().client)
    queued = Tenant(client(url))
    deleted = 0
    for step in steps(client(url)):
        stored = loading.measure(lambda: load(loader, step.records), len(step.records))  # noqa: B023 - used at once
        yield f"{step.what}: stored by `expunge load`", stored
        yield f"{step.what}: deleted", working.measure(step.delete, len(step.records))
        deleted += len(step.records)
    yield f"all {deleted:,} of them: purged", working.measure(lambda: purge_all(deleted), deleted)
    yield (
        "inbound messages: stored by the records queue's function",
        working.measure(partial(take_in, queued), MESSAGES),
    )
    yield "a run of the purge with nothing to do (not a message)", working.measure(run_purge, 1)
    yield "a hold on an account, placed (not a message)", working.measure(lambda: hold(HOLDS), HOLDS)
    yield f"the same run with {HOLDS} holds (not a message)", working.measure(run_purge, 1)


def steps(dynamodb: Any) -> Iterator[Step]:
    """Every way of soft-deleting messages; what comes before the first message is deleted is included."""
    inbound, outbound, pull, some = (Tenant(dynamodb) for _ in range(4))
    many, few = range(MESSAGES), range(100)
    yield Step(
        "inbound messages of an account",
        [inbound.message(each, payload=PAYLOAD) for each in many],
        lambda: delete(inbound, delete_inbound_messages),
    )
    yield Step(
        "outbound messages of an endpoint",
        [outbound.outbound_message(each, payload=PAYLOAD) for each in many],
        lambda: delete(outbound, delete_outbound_messages, query={"endpoint_id": outbound.outbound}),
    )
    yield Step(
        "pull events",
        [pull.event(each, payload=PAYLOAD) for each in many],
        lambda: delete(pull, delete_pull_events, path={"id": pull.pull}),
    )
    yield Step(
        "inbound messages, 100 by id",
        [some.message(each, payload=PAYLOAD) for each in few],
        lambda: delete(
            some, delete_inbound_message_batch, body={"message_ids": [some.id(each) for each in few]}
        ),
    )
    yield Step(
        "an inbound message alone",
        [some.message(100, payload=PAYLOAD)],
        lambda: delete(some, delete_inbound_message, path={"message_id": some.id(100)}),
    )
    keyset = Channels(dynamodb, access_manager=False)
    message = {"kind": "channel_message", "sub_key": keyset.sub_key, "channel": "ch1", "payload": PAYLOAD}
    yield Step(
        "channel history",
        [message | {"timetoken": str(each)} for each in many],
        lambda: call(
            delete_channel_history.handler,
            path={"sub_key": keyset.sub_key, "channels": "ch1"},
            headers={},
            context=Context(),
        ),
    )


def load(dynamodb: Any, records: list[dict[str, Any]]) -> None:
    """Load records as the command does."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
        file.flush()
        load_files(dynamodb, TABLE, [Path(file.name)])


def delete(tenant: Tenant, module: Any, **arguments: Any) -> None:
    """Call a handler, and see that it did all that it was asked for."""
    headers = {"authorization": f"Bearer {tenant.key}"}
    reply = call(module.handler, headers=headers, context=Context(), **arguments)
    if "data" not in reply.body or "error" in reply.body:
        raise RuntimeError(reply.body)


def purge_all(messages: int) -> None:
    """Purge as the schedule does, long after all is due."""
    found = remove_due(store(), datetime(2999, 1, 1, tzinfo=UTC), 30, Deadline(lambda: 10**9))
    if found.removed != messages:
        raise RuntimeError(found)


def take_in(tenant: Tenant) -> None:
    """Have the function store messages of the queue: ten with ten records each at a time."""
    lines = [
        json.dumps(tenant.message(number, payload=PAYLOAD) | {"version": 1}) for number in range(MESSAGES)
    ]
    for at in range(0, MESSAGES, 100):
        records = [
            {"messageId": str(each), "body": "\n".join(lines[each : each + 10])}
            for each in range(at, at + 100, 10)
        ]
        reply = store_records.handler({"Records": records}, Context())
        if reply["batchItemFailures"]:
            raise RuntimeError(reply)


def run_purge() -> None:
    """Run the function as the schedule does."""
    reply = purge.handler({}, Context())
    if reply["purged"] or reply["remaining"]:
        raise RuntimeError(reply)


def hold(count: int) -> None:
    """Place so many holds, each on an account."""
    for number in range(count):
        covered = Covered(account_id=f"acc_held_{number}")
        holding.place(store(), covered, reason="case 12", by="somebody", deadline=Deadline.never())


@click.command()
@dynamodb_option
def command(dynamodb_url: str | None) -> None:
    """Print the table: units a message."""
    print("| what | written: table | by_state | by_group | in all | read |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    with engine_at(dynamodb_url) as url:
        for what, units in main(url):
            written = sum(units[:3])
            figures = (*units[:3], written, units.read)
            print(f"| {what} | {' | '.join(f'{each:.2f}' for each in figures)} |", flush=True)


if __name__ == "__main__":
    command()
