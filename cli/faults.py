"""What can be wrong with a message's items, and the write that mends it.

Writers other than this service may leave such faults behind, and so may a backup that was restored. A mend
never takes anything from a living message. It is conditional on all that it was decided by: if anybody has
changed that meanwhile, nothing is written.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from expunge import timestamps
from expunge.errors import Unreadable
from expunge.table import keys
from expunge.table.items import ENDPOINT, items
from expunge.table.json_text import read
from expunge.table.records import MESSAGE_KINDS, BadLine, Message, parse
from expunge.table.shown import payload, readable
from expunge.table.store import Item, key

Writes = Sequence[Mapping[str, Any]]
"""Elements of ``TransactItems`` that lack their ``TableName``."""

_PLACE: Final = ("state_pk", "state_sk", "group_pk")
_BIN: Final = frozenset((*keys.bin_shards(), *keys.parked_shards()))
"""Where the purge finds deleted messages; those that are held wait in places of their own."""

_DECISIVE: Final = ("deleted_at", "purged_at", "erased_at", *_PLACE)
"""Attributes that a mend depends on even if they are absent: it is written only if they are so still."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that should not be there; `mend` is empty where only its owner can know what to do."""

    pk: str
    sk: str
    wrong: str
    mend: Writes = field(default=(), compare=False)


def faults(pk: str, metadata: Item | None, content: Item | None) -> Iterator[Fault]:
    """Find what is wrong with the two items of a partition, as far as they are there."""
    if content is not None:
        yield from _of_content(pk, metadata, content)
    if metadata is not None and "purged_at" not in metadata:
        yield from _of_record(pk, metadata)


def _of_content(pk: str, metadata: Item | None, content: Item) -> Iterator[Fault]:
    if metadata is None:
        yield _left_behind(pk, content, "content without a record", "attribute_not_exists(pk)")
    elif "purged_at" in metadata:
        yield _left_behind(pk, content, "content of a message that was purged", "attribute_exists(purged_at)")
    elif "erased_at" in metadata:
        yield _left_behind(pk, content, "content of a message that was erased", "attribute_exists(erased_at)")
    elif not _readable(content):
        yield Fault(pk, keys.CONTENT, "content that cannot be read: it is no compressed JSON")
    elif "content_url" in metadata:
        # Which of the two is meant, only its owner can know.
        yield Fault(pk, keys.CONTENT, "content beside a content_url: a message has one or the other")


def _left_behind(pk: str, content: Item, wrong: str, still: str) -> Fault:
    condition, values = "attribute_not_exists(payload)", {}
    if "payload" in content:
        condition, values = "payload = :seen", {"ExpressionAttributeValues": {":seen": content["payload"]}}
    check = {"Key": key(pk, keys.MESSAGE), "ConditionExpression": still}
    delete = {"Key": key(pk, keys.CONTENT), "ConditionExpression": condition, **values}
    return Fault(pk, keys.CONTENT, wrong, [{"ConditionCheck": check}, {"Delete": delete}])


def _readable(content: Item) -> bool:
    try:
        with readable():
            read(payload(content))
    except Unreadable:
        return False
    return True


def _of_record(pk: str, metadata: Item) -> Iterator[Fault]:
    try:
        place = _place(pk, metadata)
    except BadLine as error:
        yield Fault(pk, keys.MESSAGE, f"a record that cannot be read: {error}")
        return
    found: dict[str, Any] = {name: metadata[name].get("S") for name in _PLACE if name in metadata}
    if found == place:
        return
    if "deleted_at" not in metadata:
        yield _moved(pk, metadata, place, "a place that disagrees with the status")
    elif not _in_the_bin(found, place):
        yield _moved(pk, metadata, place, "flags without a place in the bin")


def _place(pk: str, metadata: Item) -> dict[str, str]:
    """Where a message belongs by its attributes. Raises BadLine if they make no record of that key."""
    record = _record(metadata)
    for name in ("deleted_at", "purge_at"):
        if name in metadata and metadata[name] != {
            "S": timestamps.millis(timestamps.parse(metadata[name]["S"]))
        }:
            raise BadLine(f"{name} must be UTC to the millisecond, such as 2026-04-05T14:23:11.000Z")
    stored = items(record)[0]
    if stored["pk"] != {"S": pk}:
        raise BadLine("its key is not that of its attributes")
    return {name: stored[name]["S"] for name in _PLACE if name in stored}


def _record(metadata: Item) -> Message:
    model = MESSAGE_KINDS.get(metadata.get("kind", {}).get("S", ""))
    if model is None:
        raise BadLine("its kind is none of messages")
    fields = {name: _plain(metadata[of]) for name, of in _attributes(model).items() if of in metadata}
    record = parse(json.dumps(fields).encode(), content_bucket=None)
    assert isinstance(record, Message)  # noqa: S101 - by its kind
    return record


def _attributes(model: type[Message]) -> dict[str, str]:
    """Fields of a record and the attributes that hold them."""
    return {name: ENDPOINT.get(name, name) for name in model.rules() if name != "payload"}


def _plain(value: Mapping[str, Any]) -> Any:
    """Give a text or a whole number as it is in Python, and anything else as {}, which no field takes."""
    match value:
        case {"S": str(text)}:
            return text
        case {"N": str(digits)} if digits.isdecimal():
            return int(digits)
    return {}


def _in_the_bin(found: Mapping[str, Any], place: Mapping[str, str]) -> bool:
    """Whether the purge finds it: in any part of the bin, or where messages wait that are under a hold."""
    return (
        found.get("state_pk") in _BIN
        and found.get("state_sk") == place["state_sk"]
        and "group_pk" not in found
    )


def _moved(pk: str, metadata: Item, place: Mapping[str, str], wrong: str) -> Fault:
    """A fault whose mend moves the message to its place, unless the message has changed meanwhile."""
    decisive = {*_DECISIVE, *_attributes(MESSAGE_KINDS[metadata["kind"]["S"]]).values(), "kind"}
    own = [name for name in metadata if name in decisive]
    absent = [name for name in _DECISIVE if name not in metadata]
    called = {name: f"#{number}" for number, name in enumerate([*own, *absent])}
    called |= {name: f"#{name}" for name in place if name not in called}
    same = [f"{called[name]} = :seen{number}" for number, name in enumerate(own)]
    same += [f"attribute_not_exists({called[name]})" for name in absent]
    values = {f":seen{number}": metadata[name] for number, name in enumerate(own)}
    expression = []
    if place:
        expression.append("SET " + ", ".join(f"{called[name]} = :{name}" for name in place))
        values |= {f":{name}": {"S": text} for name, text in place.items()}
    if gone := [called[name] for name in _PLACE if name in metadata and name not in place]:
        expression.append(f"REMOVE {', '.join(gone)}")
    update = {
        "Key": key(pk, keys.MESSAGE),
        "UpdateExpression": " ".join(expression),
        "ConditionExpression": " AND ".join(same),
        "ExpressionAttributeNames": {short: name for name, short in called.items()},
        "ExpressionAttributeValues": values,
    }
    return Fault(pk, keys.MESSAGE, wrong, [{"Update": update}])
