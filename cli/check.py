"""`expunge check`: looks through the table for what should not be there."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import uuid4

import click

from cli.dynamodb import client as connect
from cli.dynamodb import soon, store_options
from cli.faults import Fault, faults
from cli.progress import bar
from expunge.table import keys
from expunge.table.retries import repeat
from expunge.table.store import ConditionFailed, Item, Store, key

_SEGMENTS: Final = 4
"""Parts of the table that are read at once."""

_LOOKS: Final = 3
"""How often a mend is tried that comes too late because somebody is writing the message."""


class Finding(NamedTuple):
    """Something that was wrong, and whether it is mended."""

    fault: Fault
    mended: bool

    def __str__(self) -> str:
        fault = self.fault
        return json.dumps({"pk": fault.pk, "sk": fault.sk, "wrong": fault.wrong, "mended": self.mended})


@click.command()
@click.option("--mend", is_flag=True, help="Mend what can be mended; nothing living is deleted.")
@store_options
def check(*, mend: bool, dynamodb_url: str, table: str) -> int:
    """Look through the table for what should not be there, and print a JSON line for each.

    With --mend, content without a record is deleted, and a message whose place does not agree with its flags
    or its status is moved to where it belongs. A record that cannot be read is only reported. The table may
    be in use meanwhile.

    The exit status is 1 if something is left, else 0.
    """
    left = 0
    client = connect(dynamodb_url)
    size = client.describe_table(TableName=table)["Table"].get("ItemCount")
    with bar("checking", size or None, shown=sys.stderr.isatty()) as advance:
        for finding in findings(Store(client, table), mend=mend, looked_at=advance):
            click.echo(finding)
            left += not finding.mended
    return int(left > 0)


def findings(store: Store, *, mend: bool, looked_at: Callable[[int], None]) -> Iterator[Finding]:
    """Find what is wrong in the table, in no order. What its writer puts right meanwhile is left out.

    Reads the whole table once, a few pages at once, so that memory stays small. `looked_at` is told of each
    page how many items it had. Raises what the SDK raises, StoreError.
    """
    with ThreadPoolExecutor(_SEGMENTS) as pool:
        reads = {pool.submit(_page, store, segment, None): segment for segment in range(_SEGMENTS)}
        while reads:
            for read in wait(reads, return_when=FIRST_COMPLETED).done:
                segment, page = reads.pop(read), read.result()
                looked_at(page.items)
                _read_on(pool, reads, store, segment, page)
                for found in pool.map(partial(_settled, store, mend=mend), page.suspects):
                    yield from found


class _Page(NamedTuple):
    items: int
    suspects: Sequence[str]
    start: Item | None


def _read_on(
    pool: ThreadPoolExecutor, reads: "dict[Future[_Page], int]", store: Store, segment: int, page: _Page
) -> None:
    if page.start is not None:
        reads[pool.submit(_page, store, segment, page.start)] = segment


def _page(store: Store, segment: int, start: Item | None) -> _Page:
    """Read a page, and name the partitions in which something seems to be wrong.

    They are only suspected: a message's two items may be on different pages, or may change while a page is
    read. A second look at both, at one instant, decides.
    """
    more: Any = {} if start is None else {"ExclusiveStartKey": start}
    page = store.client.scan(
        TableName=store.table, ConsistentRead=True, Segment=segment, TotalSegments=_SEGMENTS, **more
    )
    partitions: dict[str, dict[str, Item]] = {}
    for item in page["Items"]:
        if item["sk"]["S"] in (keys.MESSAGE, keys.CONTENT):
            partitions.setdefault(item["pk"]["S"], {})[item["sk"]["S"]] = item
    suspects = [pk for pk, items in partitions.items() if any(_faults(pk, items))]
    return _Page(len(page["Items"]), suspects, page.get("LastEvaluatedKey"))


def _faults(pk: str, items: dict[str, Item]) -> Iterator[Fault]:
    return faults(pk, items.get(keys.MESSAGE), items.get(keys.CONTENT))


def _settled(store: Store, pk: str, *, mend: bool) -> Sequence[Finding]:
    """Look at a partition again, and mend what is wrong in it if asked to."""
    found = left = _look(store, pk)
    mended: list[Fault] = []
    for _ in range(_LOOKS if mend else 0):
        mendable = [fault for fault in left if fault.mend]
        if not mendable:
            break
        mended += [fault for fault in mendable if _mend(store, fault)]
        left = _look(store, pk)
        # A fault that is gone without this mend is none any more: its writer has put it right.
        found = [fault for fault in found if fault in mended or fault in left]
        found += [fault for fault in left if fault not in found]
    return [Finding(fault, fault not in left) for fault in found]


def _look(store: Store, pk: str) -> Sequence[Fault]:
    """Find what is wrong with a message at one instant."""
    wanted: Any = [
        {"Get": {"TableName": store.table, "Key": key(pk, sk)}} for sk in (keys.MESSAGE, keys.CONTENT)
    ]
    reply = repeat(partial(store.client.transact_get_items, TransactItems=wanted), soon())
    metadata, content = (answer.get("Item") for answer in reply["Responses"])
    return list(faults(pk, metadata, content))


def _mend(store: Store, fault: Fault) -> bool:
    """Mend it. Return False if somebody has changed meanwhile what the mend was decided by."""
    writes = [
        {action: {"TableName": store.table, **arguments} for action, arguments in write.items()}
        for write in fault.mend
    ]
    try:
        store.transact(writes, str(uuid4()), soon())
    except ConditionFailed:
        return False
    return True
