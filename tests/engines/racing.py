"""A purge, a restore or a deletion as a process of its own; it works on what each line of its input names.

Arguments are what it does and the engine's URL. A line is the name of a table and a number of messages; the
answer to it is a line with how many of them it removed, restored or deleted.
"""

import sys
from collections.abc import Callable

from cli.dynamodb import client
from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.purging import remove_due
from expunge.deletions.record import Record
from expunge.deletions.restore import ATTRIBUTES, Restorer, of_record, restore
from expunge.deletions.soft_delete import Deletion, Outcome, Target, soft_delete
from expunge.deletions.standing import read
from expunge.table import keys
from expunge.table.store import Store
from tests.engines.due import DUE
from tests.world import ACCOUNT, message_id

FIRST = Deletion("req_1", "key_1", "2025-05-02T12:00:00.000Z", DUE)
"""What flagged the messages of `bin_of`."""
AGAIN = Deletion("req_2", "key_1", "2025-05-02T13:00:00.000Z", DUE)


def removed(store: Store, _messages: int) -> int:
    return remove_due(store, timestamps.parse(DUE), 0, _minute()).removed


def restored(store: Store, messages: int) -> int:
    total = 0
    for deletion in (FIRST, AGAIN):
        record = _record(deletion, messages)
        rows = read(store, record, _minute(), ATTRIBUTES)
        restorer = Restorer(f"restore_{deletion.request_id}", "operator", DUE)
        found = of_record(record, rows, record.ids, restorer)
        assert restore(store, list(found.values()), _minute()) is None
        total += sum(each.restored for each in found.values())
    return total


def deleted(store: Store, messages: int) -> int:
    record = _record(AGAIN, messages)
    targets = [Target(AGAIN, record.pk(each)) for each in record.ids]
    assert soft_delete(store, targets, _minute()) is None
    return sum(each.outcome is Outcome.DELETED for each in targets)


def _record(deletion: Deletion, messages: int) -> Record:
    return Record(
        account_id=ACCOUNT,
        id=deletion.request_id,
        family="inbound",
        requested_at=deletion.deleted_at,
        requested_by=deletion.deleted_by,
        about={},
        prefix=keys.message("INBOUND", ACCOUNT, ""),
        keep_until=0,
        ids=[message_id(number) for number in range(messages)],
        deletion=deletion,
    )


def _minute() -> Deadline:
    return Deadline(lambda: 60_000)


WORK: dict[str, Callable[[Store, int], int]] = {"purge": removed, "restore": restored, "delete": deleted}

if __name__ == "__main__":
    dynamodb = client(sys.argv[2])
    for line in sys.stdin:
        table, number = line.split()
        count = WORK[sys.argv[1]](Store(dynamodb, table), int(number))
        sys.stdout.write(f"{count}\n")
        sys.stdout.flush()
