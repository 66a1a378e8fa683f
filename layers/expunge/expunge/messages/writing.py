"""Changing messages: conditionally, so that a writer who races a deletion loses and is told."""

from expunge.deadline import Deadline
from expunge.errors import AlreadyDeleted, NotFound
from expunge.table import keys
from expunge.table.flags import NOT_DELETED
from expunge.table.items import NEWER, NO_VERSION
from expunge.table.living import place
from expunge.table.records import MESSAGE_KINDS
from expunge.table.shown import readable
from expunge.table.store import ConditionFailed, Item, Store
from expunge.table.storing import Outcome, Storing, store_all
from expunge.vocabulary import LARGEST_VERSION

_ATTRIBUTES = (
    "pk, kind, account_id, id, endpoint_id, event_type, #status, received_at, created_at, version,"
    " state_pk, state_sk, group_pk, deleted_at, purged_at"
)

_PLACE = ("state_pk", "state_sk", "group_pk")


def put(store: Store, record: Storing, deadline: Deadline) -> bool:
    """Store one record; False if what is stored is as new or newer. Raises AlreadyDeleted, StoreError."""
    store_all(store, [record], deadline)
    if record.outcome is Outcome.DELETED:
        raise AlreadyDeleted
    return record.outcome is Outcome.STORED


def set_status(store: Store, pk: str, status: str, version: int | None, deadline: Deadline) -> bool:
    """Move a message to a status; False if what is stored is as new or newer.

    Raises AlreadyDeleted, NotFound, Unreadable, StoreError.
    """
    while True:
        row = _read(store, pk, deadline)
        with readable():
            texts = {name: value["S"] for name, value in row.items() if "S" in value}
            rule = MESSAGE_KINDS[texts["kind"]].rules()["status"]
            same, newer = texts["status"] == status, _newer(row, version)
            new = place(texts | {"status": status})
        if status not in rule.names:
            raise ValueError(f"status must be {rule.must_be}")
        if not newer:
            return False
        if version is None and same:
            return True
        try:
            _update(store, row, {"status": status, **new}, version, deadline)
        except ConditionFailed as refused:
            # Its own write, whose answer got lost, or a writer's who said the same.
            if _shows(refused.found, status, version):
                return True
            continue  # somebody has changed it since it was read
        return True


def _update(store: Store, row: Item, new: dict[str, str], version: int | None, deadline: Deadline) -> None:
    """Give it its new status and place, if it lies where it was read, or is lacking a place as it was."""
    values: Item = {f":{name}": {"S": value} for name, value in new.items()}
    values |= {f":was_{name}": row[name] for name in _PLACE if name in row}
    assigned = [f"{'#' if name == 'status' else ''}{name} = :{name}" for name in new]
    if version is not None:
        assigned.append("version = :version")
        values[":version"] = {"N": str(version)}
    here = " AND ".join(
        f"{name} = :was_{name}" if name in row else f"attribute_not_exists({name})" for name in _PLACE
    )
    store.update(
        row["pk"]["S"],
        keys.MESSAGE,
        deadline,
        UpdateExpression=f"SET {', '.join(assigned)}",
        ConditionExpression=f"{NOT_DELETED} AND {NO_VERSION if version is None else NEWER} AND {here}",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues=values,
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )


def check_version(version: int | None) -> None:
    """Raise ValueError unless it is a version or None."""
    whole = isinstance(version, int) and not isinstance(version, bool)
    if version is not None and not (whole and 0 <= version <= LARGEST_VERSION):
        raise ValueError(f"version must be a whole number from 0 to {LARGEST_VERSION}")


def _read(store: Store, pk: str, deadline: Deadline) -> Item:
    rows = store.get_batch([(pk, keys.MESSAGE)], deadline, _ATTRIBUTES)
    if not rows:
        raise NotFound("There is no such message")
    if {"deleted_at", "purged_at"} & set(rows[0]):
        raise AlreadyDeleted
    return rows[0]


def _newer(row: Item, version: int | None) -> bool:
    if "version" not in row:
        return True
    return version is not None and int(row["version"]["N"]) < version


def _shows(found: Item | None, status: str, version: int | None) -> bool:
    if found is None or {"deleted_at", "purged_at"} & set(found):
        return False
    stored = int(found["version"]["N"]) if "version" in found else None
    return found["status"]["S"] == status and stored == version
