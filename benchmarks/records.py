"""What a deletion's record costs, and what looking it up and restoring it take.

The same deletion runs with its record and without one, in turn, so that both meet the same machine.
"""

import os
from collections import Counter
from collections.abc import Iterator
from statistics import median
from typing import Any
from unittest.mock import patch

from benchmarks.deletion import Calls, cpu_of, delete_all
from benchmarks.harness import Row, table_of
from cli.dynamodb import client, create_table
from expunge.deletions.record import Record
from expunge.table.store import store
from get_deletion import handler as get_deletion
from list_deletions import handler as list_deletions
from restore_deletion import handler as restore_deletion
from tests.engines.tenant import TABLE, Tenant
from tests.world import Context, Reply, call

ROUNDS = 7


def main(url: str) -> Iterator[Row]:
    """Measure; yields lines as they are known."""
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = url
    dynamodb = client(url)
    create_table(dynamodb, TABLE)
    delete_all(Tenant(dynamodb))  # warm
    calls = Calls()
    calls.watch(store().client)
    ratios = []
    for _ in range(ROUNDS):
        recorded, bare = filled(dynamodb), filled(dynamodb)
        calls.reset()
        cpu, _clock = cpu_of(lambda recorded=recorded: delete_all(recorded))  # type: ignore[misc] # mypy cannot infer it
        made = Counter(calls.made)
        with patch.object(Record, "save", lambda *_: None):
            without, _clock = cpu_of(lambda bare=bare: delete_all(bare))  # type: ignore[misc] # likewise
        ratios.append(cpu / without)
    single = made["PutItem"] + made["UpdateItem"]
    yield Row("single writes beside 1,000 flags", f"{single}", "at most 2", single <= 2)
    ratio = median(ratios)
    yield Row("client CPU with a record; without one", f"{ratio:.2f}", "at most 1.1", ratio <= 1.1)
    calls.reset()
    [listed] = ask(list_deletions, recorded, query={"limit": "1"}).data["deletions"]
    yield at_most("reads to list them", calls, ("Query", "BatchGetItem", "GetItem"), 2)
    path = {"request_id": listed["id"]}
    calls.reset()
    ask(get_deletion, recorded, path=path)
    yield at_most("reads to look one of 1,000 up", calls, ("Query", "BatchGetItem", "GetItem"), 12)
    calls.reset()
    restored = ask(restore_deletion, recorded, path=path).data["restored"]
    writes = ("TransactWriteItems", "PutItem", "UpdateItem")
    yield at_most(f"write calls to restore {restored:,}", calls, writes, 12)


def filled(dynamodb: Any) -> Tenant:
    """Give a tenant with 1,000 messages whose key is known."""
    tenant = Tenant(dynamodb)
    tenant.load(tenant.message(number) for number in range(1000))
    delete_all(tenant, status="queued")
    return tenant


def ask(handler: Any, tenant: Tenant, **arguments: Any) -> Reply:
    """Call an endpoint in the tenant's name."""
    headers = {"authorization": f"Bearer {tenant.key}"}
    return call(handler, headers=headers, context=Context(), **arguments)


def at_most(what: str, calls: Calls, operations: tuple[str, ...], most: int) -> Row:
    """Give a line on calls of these operations."""
    made = sum(calls.made[each] for each in operations)
    return Row(what, f"{made}", f"at most {most}", made <= most)


if __name__ == "__main__":
    table_of(main)()
