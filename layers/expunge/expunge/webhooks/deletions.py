"""Looking deletions up: what was asked for, and what became of it as the messages' flags have it now."""

import re
from collections.abc import Mapping
from typing import Any

from expunge import timestamps
from expunge.deletions import records
from expunge.deletions.record import Record
from expunge.deletions.standing import Standing, counts, look
from expunge.errors import InvalidRequest, NotFound
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call
from expunge.webhooks import cursors
from expunge.webhooks.envelopes import Answer
from expunge.webhooks.families import FAMILIES
from expunge.webhooks.parameters import refuse_unknown

_REQUEST_ID = re.compile(r"req_[A-Za-z0-9_-]{1,128}")
_MOST_DELETIONS = 100
_DELETIONS = 20
_MOST_MESSAGES = 1000
_MESSAGES = 100


def list_deletions(call: Call[ApiKey]) -> Answer:
    """List the account's deletions, newest first, without the counts, which take reading the messages.

    Raises InvalidRequest, StoreError.
    """
    given = call.request.query()
    refuse_unknown(given, ["limit", "cursor", "family"])
    limit = _limit(given, _DELETIONS, _MOST_DELETIONS)
    family = given.get("family")
    if family is not None and family not in FAMILIES:
        raise InvalidRequest(f"family must be one of {', '.join(FAMILIES)}")
    before = cursors.read_deletion(given["cursor"]) if "cursor" in given else None
    found, more = records.newest(
        call.store, call.caller.account_id, call.request.deadline, limit=limit, family=family, before=before
    )
    data: dict[str, Any] = {"deletions": [describe(each) for each in found]}
    return Answer(data if more is None else data | {"cursor": cursors.of_deletion(more)})


def get_deletion(call: Call[ApiKey]) -> Answer:
    """Describe one deletion, with its counts. Raises NotFound, InvalidRequest, StoreError."""
    refuse_unknown(call.request.query(), [])
    record = find(call)
    return Answer(describe(record, look(call.store, record, call.request.deadline)))


def list_messages(call: Call[ApiKey]) -> Answer:
    """List a deletion's messages and what became of each. Raises NotFound, InvalidRequest, StoreError."""
    given = call.request.query()
    refuse_unknown(given, ["limit", "cursor"])
    limit = _limit(given, _MESSAGES, _MOST_MESSAGES)
    record = find(call)
    first = cursors.read_message(given["cursor"], record.id) if "cursor" in given else 0
    page = look(call.store, record, call.request.deadline)[first : first + limit]
    data: dict[str, Any] = {"messages": [_message(each) for each in page]}
    if first + limit < len(record.ids):
        data["cursor"] = cursors.of_message(record.id, first + limit)
    return Answer(data)


def find(call: Call[ApiKey]) -> Record:
    """The deletion that the path names. Raises NotFound, StoreError."""
    request_id = call.request.path("request_id")
    record = None
    if _REQUEST_ID.fullmatch(request_id) is not None:
        record = records.find(call.store, call.caller.account_id, request_id, call.request.deadline)
    if record is None:
        raise NotFound("Deletion not found")
    return record


def describe(record: Record, found: list[Standing] | None = None) -> dict[str, Any]:
    """What a caller is told of a deletion; its counts, if its messages were looked at."""
    about = dict(record.about)
    if "filters" in about:
        about["filters"] = {name: _shown(name, value) for name, value in about["filters"].items()}
    told: dict[str, Any] = {
        "id": record.id,
        "family": record.family,
        "state": record.state,
        "requested_at": record.requested_at,
        "requested_by": record.requested_by,
        **about,
        **(counts(found) if found is not None else {}),
        "restorable_until": record.restorable_until,
        "expires_at": record.plan_expires_at if record.deletion is None else None,
        "error": record.error,
    }
    return {name: value for name, value in told.items() if value is not None}


def _message(found: Standing) -> dict[str, str]:
    told = {"id": found.id, "state": found.state}
    return told if found.deleted_at is None else told | {"deleted_at": found.deleted_at}


def _shown(name: str, value: Any) -> Any:
    """Write times to the millisecond, as everywhere, unless that would cut something off."""
    if not name.endswith(("_after", "_before")):
        return value
    short = timestamps.millis(timestamps.parse(value))
    return short if timestamps.micros(timestamps.parse(short)) == value else value


def _limit(given: Mapping[str, str], usual: int, most: int) -> int:
    text = given.get("limit", str(usual))
    if re.fullmatch(r"[0-9]{1,9}", text) is None or not 1 <= int(text) <= most:
        raise InvalidRequest(f"limit must be a whole number from 1 to {most}")
    return int(text)
