"""Reads the table's stream, and tells EventBridge what was deleted, restored and purged."""

from collections.abc import Sequence
from typing import Any

import expunge.cold_start  # noqa: F401 - before all others
from expunge.deadline import Context, Deadline
from expunge.events.bus import publish
from expunge.events.changes import Change, StreamRecord, Unreadable, change
from expunge.events.grouping import Event, grouped
from expunge.telemetry import count, logger
from expunge.tracebacks import unquoted


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Publish what a batch of the stream's records says.

    The answer names the first record whose event is not known to be on the bus, if there is one. Lambda sends
    that record and all after it again, so an event may be published twice. A record that cannot be read is
    logged and counted, and holds up nothing.
    """
    with logger.append_context_keys(request_id=context.aws_request_id):
        try:
            return _publish(event["Records"], Deadline(context.get_remaining_time_in_millis))
        except Exception as error:
            logger.exception("Events were not published")
            raise unquoted(error) from None


def _publish(records: Sequence[StreamRecord], deadline: Deadline) -> dict[str, Any]:
    changes = _changes(records)
    events = grouped(changes)
    left = publish(events, deadline)
    count("events", EventsPublished=len(events) - len(left), EventsLeft=len(left))
    return {"batchItemFailures": _failures(changes, left)}


def _changes(records: Sequence[StreamRecord]) -> list[Change]:
    changes = []
    aside = 0
    for record in records:
        try:
            found = change(record)
        except Unreadable as error:
            aside += 1
            logger.error(
                "A record of the stream was set aside",
                extra={"event_id": _event_id(record), "reason": str(error)},
            )
        else:
            changes += [] if found is None else [found]
    count("events", RecordsRead=len(records), RecordsSetAside=aside)
    return changes


def _event_id(record: Any) -> str | None:
    return record.get("eventID") if isinstance(record, dict) else None


def _failures(changes: Sequence[Change], left: Sequence[Event]) -> list[dict[str, str]]:
    open_ones = {each.sequence_number for event in left for each in event.changes}
    first = next((each.sequence_number for each in changes if each.sequence_number in open_ones), None)
    return [] if first is None else [{"itemIdentifier": first}]
