"""The records of deletions of channel history, for operators.

As long as a deletion is under way, its note serves as its record. Then a record takes the note's place, in
one transaction, so that at every moment there is one of the two. The keys of these records name a keyset
where those of other records name an account.
"""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

from expunge import timestamps, timetokens
from expunge.deadline import Deadline
from expunge.deletions import records
from expunge.deletions.record import Progress, Record
from expunge.history import notes
from expunge.history.notes import Sweep
from expunge.table import keys
from expunge.table.store import ConditionFailed, Store, key

FAMILY = "channel"

_UNTIL_DONE = "9999-12-31T23:59:59.999Z"
"""Until when functions may be at work on an unfinished deletion: no time ends it."""


def record(sweep: Sweep, progress: Progress, record_days: int) -> Record:
    """Make the record of a deletion, kept for so many days, and always a day longer than its messages.

    Its `start` and `end` are timetokens as in the API: they mean messages from `end` on and before `start`.
    A bound that leaves out nothing is not named.
    """
    deletion = sweep.deletion
    about = {"channels": list(sweep.channels), **timetokens.asked(sweep.timetokens)}
    day = timedelta(days=1)
    kept = max(
        timestamps.parse(deletion.deleted_at) + record_days * day, timestamps.parse(deletion.purge_at) + day
    )
    return Record(
        account_id=keys.channel_deletions(sweep.sub_key),
        id=deletion.request_id,
        family=FAMILY,
        requested_at=deletion.deleted_at,
        requested_by=deletion.deleted_by,
        about=about,
        prefix=f"CHANNEL#{sweep.sub_key}#",
        keep_until=int(kept.timestamp()),
        progress=progress,
        deletion=deletion,
        busy_until=_UNTIL_DONE if progress is Progress.EXECUTING else None,
    )


def end(store: Store, sweep: Sweep, progress: Progress, record_days: int, deadline: Deadline) -> None:
    """Put the record in the place of the note, so that nobody takes the sweep up again. Raises StoreError.

    If the note is gone already, nothing is written, and the record that took its place stays as it is.
    """
    item = record(sweep, progress, record_days).item()
    # So that it can be found by its id alone, by somebody who does not know the keyset.
    item["group_pk"] = {"S": keys.channel_deletion(sweep.deletion.request_id)}
    delete = {
        "TableName": store.table,
        "Key": key(*sweep.place),
        "ConditionExpression": "attribute_exists(pk)",
    }
    writes = [{"Delete": delete}, {"Put": {"TableName": store.table, "Item": item}}]
    with suppress(ConditionFailed):
        store.transact(writes, str(uuid.uuid4()), deadline)


def unfinished(store: Store, sub_key: str, request_id: str, deadline: Deadline) -> Sweep | None:
    """Give the sweep of a deletion that is not over; None if there is none. Raises StoreError."""
    found = notes.of_keyset(store, sub_key, deadline)
    return next((each for each in found if each.deletion.request_id == request_id), None)


def find(store: Store, sub_key: str, request_id: str, deadline: Deadline) -> Record | None:
    """One record; None where the keyset has none of that id. Raises StoreError."""
    sweep = unfinished(store, sub_key, request_id, deadline)
    if sweep is not None:
        return record(sweep, Progress.EXECUTING, 0)
    return records.find(store, keys.channel_deletions(sub_key), request_id, deadline)


def newest(store: Store, sub_key: str, deadline: Deadline) -> Iterator[Record]:
    """All records of a keyset, newest first. Raises StoreError."""
    open_ones = [
        record(each, Progress.EXECUTING, 0) for each in list(notes.of_keyset(store, sub_key, deadline))[::-1]
    ]
    for each in records.all_newest(store, keys.channel_deletions(sub_key), deadline):
        while open_ones and open_ones[0].order > each.order:
            yield open_ones.pop(0)
        # A sweep that ended after its note was read has a record as well; only that is given.
        open_ones = [one for one in open_ones if one.id != each.id]
        yield each
    yield from open_ones


def sub_key_of(store: Store, request_id: str, deadline: Deadline) -> str | None:
    """Find the keyset of a deletion by the id alone; None if there is none. Raises StoreError."""
    # Notes first: if a note is missed here because its sweep has just ended, the record is there by now.
    for place in notes.listed(store, deadline):
        if place.sk.partition("#")[2] == request_id:
            return place.pk.partition("#")[2]
    page = store.query(
        deadline,
        IndexName=keys.BY_GROUP,
        KeyConditionExpression="group_pk = :pk",
        ExpressionAttributeValues={":pk": {"S": keys.channel_deletion(request_id)}},
        ProjectionExpression="pk",
    )
    pks = [item["pk"]["S"] for item in page.items]
    return pks[0].split("#")[2] if pks else None  # DELETION#CHANNEL#<sub key>#<request id>
