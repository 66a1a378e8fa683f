"""What became of each message that a deletion was about, as the flags have it now."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from expunge.deadline import Deadline
from expunge.deletions.record import Progress, Record
from expunge.errors import StoreError
from expunge.table import keys
from expunge.table.flags import is_tombstone
from expunge.table.store import Item, Store
from expunge.table.transactions import LIMIT
from expunge.telemetry import logger

_FLAGS = "pk, deleted_at, delete_request_id, restored_from, purged_at"

Rows = dict[str, Item]
"""Messages' metadata by partition key; what was purged is missing or a tombstone."""


class Standing(NamedTuple):
    """One message: planned, deleted, restored, purged or left_alone; `doubtful` if that may still change."""

    id: str
    state: str
    deleted_at: str | None = None
    doubtful: bool = False


def look(store: Store, record: Record, deadline: Deadline) -> list[Standing]:
    """What became of each message, in the order of the record, settled on the way. Raises StoreError."""
    rows = read(store, record, deadline)
    settle(store, record, rows, deadline)
    return standings(record, rows)


def read(store: Store, record: Record, deadline: Deadline, attributes: str = _FLAGS) -> Rows:
    """The rows of a deletion's messages, a hundred a read. Raises StoreError."""
    if record.deletion is None:
        return {}
    places = [(record.pk(each), keys.MESSAGE) for each in record.ids]
    rows: Rows = {}
    for at in range(0, len(places), LIMIT):
        rows |= {
            item["pk"]["S"]: item for item in store.get_batch(places[at : at + LIMIT], deadline, attributes)
        }
    return rows


def settle(store: Store, record: Record, rows: Rows, deadline: Deadline) -> None:
    """Add to the record what the flags say that it took; complete it once no function can be at work on it.

    If the store fails, or a request has gone on with the record meanwhile, that is left for the next look:
    the flags still say the same.
    """
    if record.deletion is None or record.busy_until is None:
        return
    found = flagged(record, rows)
    news = not found <= record.taken
    record.taken |= found
    if not record.busy:
        news = True
        record.settle()
        if record.progress is Progress.EXECUTING:
            record.progress = Progress.DONE if set(record.ids) <= record.taken else Progress.PARTIAL
    if news:
        try:
            record.save_if_unchanged(store, deadline)
        except StoreError:
            logger.info("A deletion's record could not be completed", extra={"deletion": record.id})


def flagged(record: Record, rows: Rows) -> set[str]:
    """Ids of the messages that this deletion has flagged as their rows show, restored since or not."""
    return {each for each in record.ids if _took(record, rows.get(record.pk(each)))}


def standings(record: Record, rows: Rows) -> list[Standing]:
    """One for each message, in the order of the record."""
    return [_standing(record, each, rows.get(record.pk(each))) for each in record.ids]


def counts(found: Sequence[Standing]) -> dict[str, int]:
    """Count those that are deleted, restored and purged now, and those whose fate is not known yet."""
    by_state = Counter(each.state for each in found)
    numbers = {state: by_state[state] for state in ("deleted", "restored", "purged")}
    return numbers | {"in_doubt": sum(each.doubtful for each in found)}


def _standing(record: Record, message_id: str, row: Item | None) -> Standing:
    deletion = record.deletion
    if deletion is None:
        return Standing(message_id, "left_alone" if record.expired else "planned")
    if row is not None and deletion.made(row):
        return Standing(message_id, "deleted", deletion.deleted_at)
    if message_id in record.taken or _took(record, row):
        if row is None or is_tombstone(row):
            return Standing(message_id, "purged", deletion.deleted_at)
        return Standing(message_id, "restored")
    if record.busy and (record.progress is Progress.EXECUTING or message_id in record.doubtful):
        return Standing(message_id, "planned", doubtful=True)
    return Standing(message_id, "left_alone")


def _took(record: Record, row: Item | None) -> bool:
    """Whether a row shows that this deletion flagged it, even if it was restored or purged since."""
    if row is None or record.deletion is None:
        return False
    return record.deletion.took(row) or row.get("restored_from") == {"S": record.id}
