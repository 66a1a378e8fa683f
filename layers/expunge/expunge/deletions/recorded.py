"""Flagging messages so that no flag is without its deletion's record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.record import Progress, Record
from expunge.deletions.shortfall import Shortfall
from expunge.deletions.soft_delete import Deletion, Outcome, Target, soft_delete
from expunge.deletions.standing import flagged, read
from expunge.errors import StoreError
from expunge.settings import settings
from expunge.table import keys
from expunge.table.store import Store
from expunge.telemetry import logger

_MOST = 1000
"""Messages that filters without a limit allow."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for a deletion, under which request id, and when."""

    account_id: str
    request_id: str
    key_id: str
    at: datetime

    def deletion(self, of: str | None = None) -> Deletion:
        """Give the flags that messages get by it: in its own name, or in that of the plan it carries out."""
        return Deletion.of(of or self.request_id, self.key_id, self.at, settings().retention_days)

    def record(self, family: str, prefix: str, about: dict[str, Any]) -> Record:
        """Give its record, not yet stored, of a deletion or a plan about no message so far.

        It is kept for so many days, and always longer than the messages.
        """
        days = max(settings().deletion_record_days, settings().retention_days + 1)
        return Record(
            account_id=self.account_id,
            id=self.request_id,
            family=family,
            requested_at=timestamps.millis(self.at),
            requested_by=self.key_id,
            about=about,
            prefix=prefix,
            keep_until=int((self.at + timedelta(days=days)).timestamp()),
        )


def flag(store: Store, record: Record, targets: Sequence[Target], deadline: Deadline) -> Shortfall | None:
    """Write down which messages it is about, then flag them; None when all of them are settled."""
    record.add([keys.message_id(each.pk) for each in targets])
    record.be_busy(timestamps.now(), deadline)
    record.progress = Progress.EXECUTING
    try:
        record.save(store, deadline)
    except StoreError as error:
        return Shortfall(error)
    return _flag(store, record, targets, deadline)


def flag_rest(store: Store, record: Record, deadline: Deadline) -> Shortfall | None:
    """Flag what the record is about, is not known to be flagged by it and still matches its filters.

    No more is flagged in all than its filters allow: a record is also about messages that others were quicker
    to delete, and these may be live again.
    """
    if record.deletion is None:
        return None
    filters = record.about.get("filters")
    record.be_busy(timestamps.now(), deadline)
    record.doubtful = set()
    left = [each for each in record.ids if each not in record.taken and each not in record.already]
    if filters is not None and len(record.ids) > (most := filters.get("limit", _MOST)):
        try:
            record.taken |= flagged(record, read(store, record, deadline))
        except StoreError as error:
            return Shortfall(error)
        left = [each for each in left if each not in record.taken][: max(0, most - len(record.taken))]
    targets: list[Target] = [Matching(record.deletion, record.pk(each), filters=filters) for each in left]
    return _flag(store, record, targets, deadline) if targets else None


def _flag(store: Store, record: Record, targets: Sequence[Target], deadline: Deadline) -> Shortfall | None:
    shortfall = soft_delete(store, targets, deadline)
    for target in targets:
        message_id = keys.message_id(target.pk)
        if target.outcome is Outcome.DELETED:
            record.taken.add(message_id)
        elif target.outcome is Outcome.OPEN and shortfall is not None and shortfall.in_doubt:
            record.doubtful.add(message_id)
        elif target.deleted_at is not None and "requested_ids" in record.about:
            record.already[message_id] = target.deleted_at
    return shortfall


def finish(store: Store, record: Record, error: dict[str, str] | None, deadline: Deadline) -> bool:
    """Complete the record with what is known of the outcome; False if it could not be written.

    A store that fails does no harm: the record is completed from the flags when it is next looked at.
    """
    record.error = error
    record.progress = Progress.DONE if error is None else Progress.PARTIAL
    if not record.doubtful:
        record.settle()
    try:
        record.save(store, deadline.for_settling())
    except StoreError:
        logger.info("A deletion's record could not be completed", extra={"deletion": record.id})
        return False
    return True


@dataclass(slots=True)
class Single(Target):
    """A message that is flagged in one transaction with its deletion's record: both or neither."""

    record: Record | None = None

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        """Flag it and put the record, complete as it is."""
        entries = [self.write(table)]
        if self.record is not None:
            message_id = keys.message_id(self.pk)
            self.record.add([message_id])
            self.record.taken.add(message_id)
            self.record.progress = Progress.DONE
            entries.append({"Put": {"TableName": table, "Item": self.record.item()}})
        return entries


@dataclass(slots=True)
class Matching(Target):
    """A message that is flagged only while it is live and still matches filters as a record has them."""

    filters: dict[str, Any] | None = None

    def write(self, table: str) -> dict[str, Any]:
        """Give the update, its condition on what the message is now."""
        entry: dict[str, Any] = super(Matching, self).write(table)
        update, filters = entry["Update"], self.filters or {}
        values: dict[str, str] = {}
        conditions: list[str] = []
        for name, attribute in _SAME:
            if name in filters:
                conditions.append(f"{attribute} = :{attribute}")
                values[f":{attribute}"] = filters[name]
        if "status" in filters:
            named = {f":status{at}": status for at, status in enumerate(filters["status"])}
            conditions.append(f"#status IN ({', '.join(named)})")
            values |= named
            update["ExpressionAttributeNames"] = {"#status": "status"}
        # The order of a living message begins with its time.
        for name, comparison in _WINDOW:
            if name in filters:
                conditions.append(f"state_sk {comparison} :{name}")
                values[f":{name}"] = filters[name]
        update["ConditionExpression"] = " AND ".join([update["ConditionExpression"], *conditions])
        update["ExpressionAttributeValues"] |= {name: {"S": value} for name, value in values.items()}
        return entry


_SAME = (
    ("inbound_endpoint_id", "endpoint_id"),
    ("endpoint_id", "endpoint_id"),
    ("pull_endpoint_id", "endpoint_id"),
    ("event_type", "event_type"),
)
_WINDOW = (
    ("received_after", ">="),
    ("created_after", ">="),
    ("received_before", "<"),
    ("created_before", "<"),
)
