"""What a record of the table's stream says: a message was deleted, restored or purged, or history was.

Only keys and flags are read, never content. A record that was loaded with its flags on it was deleted
elsewhere and before: it is no change.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from expunge import timestamps, timetokens
from expunge.table import keys

DELETED: Final = "Messages Deleted"
RESTORED: Final = "Messages Restored"
PURGED: Final = "Messages Purged"
HISTORY_DELETED: Final = "Channel History Deleted"

BYTES: Final = 200_000
"""Most bytes of an event's detail. EventBridge takes 256 KB."""

StreamRecord = Mapping[str, Any]
"""As Lambda hands it over."""

Image = Mapping[str, Any]


class Unreadable(Exception):
    """It looks like a change, but cannot be read; the message says why and quotes nothing of the item."""


class Change(NamedTuple):
    """What happened to one message, or a deletion of channel history that was asked for."""

    sequence_number: str
    """Of the record in the stream."""
    pk: str
    """Changes of one partition key keep their order."""
    detail_type: str
    about: tuple[tuple[str, Any], ...]
    """All of the event's detail but when it happened and to which messages."""
    at: str
    """RFC 3339, UTC, milliseconds."""
    id: str | None
    """The message's; None for a deletion of channel history, which is an event by itself."""


def change(record: StreamRecord) -> Change | None:
    """Read a record; None if it is about something else. Raises Unreadable."""
    try:
        found = _read(record)
        size = 0 if found is None else len(json.dumps(found, ensure_ascii=False).encode())
    except KeyError as error:
        raise Unreadable(f"it has no {error.args[0]}") from None
    except (AttributeError, OverflowError, TypeError, ValueError) as error:
        raise Unreadable(f"it is malformed ({type(error).__name__})") from None
    if size > BYTES:
        # Flags that somebody else wrote. EventBridge would refuse them again and again.
        raise Unreadable("it is too large for an event")
    return found


def _read(record: StreamRecord) -> Change | None:
    data = record["dynamodb"]
    pk, sk = data["Keys"]["pk"]["S"], data["Keys"]["sk"]["S"]
    if sk == keys.MESSAGE:
        return _of_message(record["eventName"], pk, data)
    if pk.startswith(keys.SWEEP) and record["eventName"] == "INSERT":
        return _of_history(pk, data)
    return None


def _of_message(event_name: str, pk: str, data: Mapping[str, Any]) -> Change | None:
    old: Image = data.get("OldImage", {})
    new: Image = data.get("NewImage", {})
    kind = _kind(event_name, old, new)
    if kind == DELETED:
        return _change(kind, pk, data, new, _By(new["deleted_by"]["S"], new["deleted_at"]["S"]))
    if kind == RESTORED:
        return _change(kind, pk, data, old, _By(new["restored_by"]["S"], new["restored_at"]["S"]))
    if kind == PURGED:
        at = new["purged_at"]["S"] if "purged_at" in new else _recorded_at(data)
        return _change(kind, pk, data, old, _By("purge", at))
    return None


def _kind(event_name: str, old: Image, new: Image) -> str | None:
    if event_name == "INSERT" or "purged_at" in old:
        return None
    if "purged_at" in new or (event_name == "REMOVE" and "deleted_at" in old):
        return PURGED
    if "deleted_at" in new:
        same = "deleted_at" in old and new.get("delete_request_id") == old.get("delete_request_id")
        return None if same else DELETED
    return RESTORED if "deleted_at" in old else None


class _By(NamedTuple):
    who: str
    at: str


def _change(detail_type: str, pk: str, data: Mapping[str, Any], flagged: Image, done: _By) -> Change:
    """`flagged` is the message with the deletion's flags on it."""
    whose = keys.identity(pk)
    owner = "account_id" if whose.channel is None else "sub_key"
    channel = () if whose.channel is None else (("channel", whose.channel),)
    about = (
        ("family", whose.family),
        (owner, whose.owner),
        *channel,
        ("request_id", flagged["delete_request_id"]["S"]),
        ("by", done.who),
    )
    return Change(data["SequenceNumber"], pk, detail_type, about, done.at, whose.id)


def _of_history(pk: str, data: Mapping[str, Any]) -> Change:
    note = data["NewImage"]
    within = range(int(note["start"]["N"]), int(note["stop"]["N"]))
    about = (
        ("sub_key", note["sub_key"]["S"]),
        ("channels", tuple(channel["S"] for channel in note["channels"]["L"])),
        *timetokens.asked(within).items(),
        ("request_id", note["request_id"]["S"]),
        ("by", note["deleted_by"]["S"]),
    )
    return Change(data["SequenceNumber"], pk, HISTORY_DELETED, about, note["deleted_at"]["S"], None)


def _recorded_at(data: Mapping[str, Any]) -> str:
    at = data["ApproximateCreationDateTime"]
    # AWS's command line, from which records can be sent again by hand, writes it as text.
    moment = timestamps.parse(at) if isinstance(at, str) else datetime.fromtimestamp(at, UTC)
    return timestamps.millis(moment)
