"""Messages as an operator looks at them: those of all accounts, living, in the bin and gone.

They are read by scanning the table, a bounded part of it at a time: no index shows tombstones, and none shows
all families.
"""

import base64
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from cli.dump import line
from cli.dynamodb import soon
from expunge import timestamps
from expunge.errors import Unreadable
from expunge.table import keys
from expunge.table.retries import repeat
from expunge.table.store import Item, Page, Store

FAMILIES: Final = ("inbound", "pull", "outbound", "linked", "channel")

STATES: Final = {
    "live": "attribute_not_exists(deleted_at) AND attribute_not_exists(purged_at)",
    "bin": "attribute_exists(deleted_at)",
    "gone": "attribute_exists(purged_at)",
}

_TOLD: Final = (
    "endpoint_id",
    "linked_account_id",
    "event_type",
    "status",
    "deleted_at",
    "deleted_by",
    "delete_request_id",
    "purge_at",
    "erased_at",
    "restored_at",
    "restored_by",
    "purged_at",
)
_TIMES: Final = ("received_at", "created_at", "sent_at")

_ROWS: Final = 50
_SECONDS: Final = 3
"""An answer ends with so many messages or, where they are rare, after so long."""

_ITEMS: Final = 400
"""Items of the table that one read looks at."""


class BadQuestion(ValueError):
    """A request that cannot be answered; says in a sentence what is wrong with it."""


def listed(store: Store, asked: Mapping[str, str]) -> dict[str, Any]:
    """Give some of the messages of a family in a state, and the `cursor` of those that follow, if any.

    An `owner` is an account or, of channels, a sub key. Raises BadQuestion, StoreError.
    """
    family, state, owner = asked.get("family", ""), asked.get("state", ""), asked.get("owner", "")
    if family not in FAMILIES:
        raise BadQuestion(f"family must be one of {', '.join(FAMILIES)}")
    if state not in STATES:
        raise BadQuestion(f"state must be one of {', '.join(STATES)}")
    prefix = f"{family.upper()}#{owner}#" if owner else f"{family.upper()}#"
    rows: list[dict[str, Any]] = []
    start = _start(asked.get("cursor"))
    end = time.monotonic() + _SECONDS
    for page in _scan(store, start, prefix, STATES[state]):
        rows += [row(item) for item in page.items]
        start = page.start
        if len(rows) >= _ROWS or time.monotonic() > end:
            break
    return {"messages": rows} | ({} if start is None else {"cursor": _cursor(start)})


def overview(store: Store) -> dict[str, Any]:
    """Count the messages of each family by state; `complete` is false if time was too short to count all."""
    counted: dict[str, Counter[str]] = {family: Counter(dict.fromkeys(STATES, 0)) for family in FAMILIES}
    end = time.monotonic() + _SECONDS
    next_purge: str | None = None
    complete = True
    for page in _scan(store, None, "", "attribute_exists(pk)"):
        for item in page.items:
            family, state = item["pk"]["S"].partition("#")[0].lower(), _state(item)
            counted[family][state] += 1
            if state == "bin":
                dated = _texts(item, "purge_at").values()
                next_purge = min(dated if next_purge is None else (next_purge, *dated), default=None)
        if page.start is not None and time.monotonic() > end:
            complete = False
            break
    told = {"families": counted, "complete": complete}
    return told if next_purge is None else told | {"next_purge": next_purge}


def one(store: Store, pk: str) -> dict[str, Any]:
    """Give a message with its content, as `expunge dump` prints it, or what is left of a purged one.

    If another writer has spoilt it, give what a list shows of it, with a sentence under `unreadable`. Raises
    BadQuestion if there is no such message, StoreError.
    """
    page = store.query(
        soon(),
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": pk}},
    )
    items = {item["sk"]["S"]: item for item in page.items}
    metadata = items.get(keys.MESSAGE)
    if metadata is None or not _is_message(pk):
        raise BadQuestion("there is no such message any more")
    if "purged_at" in metadata:
        return row(metadata)
    try:
        record: dict[str, Any] = json.loads(line(metadata, items.get(keys.CONTENT)))
    except Unreadable as error:
        return {"unreadable": str(error), **row(metadata)}
    return record


def row(item: Item) -> dict[str, Any]:
    """Describe a message in the words of the API."""
    pk = item["pk"]["S"]
    which = keys.identity(pk)
    told: dict[str, Any] = {"key": pk, "family": which.family, "id": which.id, "state": _state(item)}
    if which.channel is None:
        told["account_id"] = which.owner
    else:
        told |= {"sub_key": which.owner, "channel": which.channel, "at": _moment(which.id, 10**7)}
    for at in _texts(item, *_TIMES).values():
        told["at"] = at
    told |= _texts(item, *_TOLD)
    if until := item.get("keep_until", {}).get("N"):
        told["keep_until"] = _moment(until)
    return told


def _texts(item: Item, *names: str) -> dict[str, str]:
    """Those of an item's attributes that are texts: another writer may have left others."""
    return {name: item[name]["S"] for name in names if "S" in item.get(name, ())}


def _state(item: Item) -> str:
    if "purged_at" in item:
        return "gone"
    return "bin" if "deleted_at" in item else "live"


def _moment(number: str, in_a_second: int = 1) -> str:
    """The time that is so long after 1970; the number itself if that is no time."""
    try:
        return timestamps.millis(datetime.fromtimestamp(int(number) // in_a_second, UTC))
    except (OverflowError, ValueError, OSError):  # beyond the year 9999, or another writer's
        return number


def _is_message(pk: str) -> bool:
    try:
        keys.identity(pk)
    except ValueError:
        return False
    return True


def _scan(store: Store, start: Item | None, prefix: str, state: str) -> Iterator[Page]:
    """Read messages page by page, from a place on. Any page may be empty; items of others are left out."""
    values = {":message": {"S": keys.MESSAGE}}
    condition = f"sk = :message AND {state}"
    if prefix:
        condition += " AND begins_with(pk, :prefix)"
        values[":prefix"] = {"S": prefix}
    while True:
        more: Any = {} if start is None else {"ExclusiveStartKey": start}
        read = partial(
            store.client.scan,
            TableName=store.table,
            FilterExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            Limit=_ITEMS,
            **more,
        )
        found: Any = repeat(read, soon())
        start = found.get("LastEvaluatedKey")
        yield Page([item for item in found["Items"] if _is_message(item["pk"]["S"])], start)
        if start is None:
            return


def _cursor(start: Item) -> str:
    return base64.urlsafe_b64encode(json.dumps([start["pk"]["S"], start["sk"]["S"]]).encode()).decode()


def _start(cursor: str | None) -> Item | None:
    if not cursor:
        return None
    try:
        pk, sk = json.loads(base64.urlsafe_b64decode(cursor))
        return {"pk": {"S": str(pk)}, "sk": {"S": str(sk)}}
    except ValueError as error:
        raise BadQuestion("cursor must be one that an answer gave") from error
