"""Turns a stored message into a record again, with what the service added to it."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from expunge.errors import Unreadable
from expunge.table.flags import OF_A_DELETION, OF_A_RESTORE
from expunge.table.items import ENDPOINT
from expunge.table.records import MESSAGE_KINDS
from expunge.table.store import Item
from expunge.vocabulary import MAX_PAYLOAD


@contextmanager
def readable() -> Iterator[None]:
    """Raise Unreadable if what is done in this context shows that a message's items are malformed."""
    try:
        yield
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise Unreadable from error


def before_payload(metadata: Item) -> dict[str, Any]:
    """The fields of its record that come before the payload, in the order of the import format."""
    model = MESSAGE_KINDS[metadata["kind"]["S"]]
    fields: dict[str, Any] = {
        field: metadata[ENDPOINT.get(field, field)]["S"] for field in model.own_fields()
    }
    if "version" in metadata:
        fields["version"] = int(metadata["version"]["N"])
    if "content_url" in metadata:
        fields["content_url"] = metadata["content_url"]["S"]
    return fields


def payload(content: Item) -> bytes:
    """The JSON that the content of a message holds, if it is no longer than a payload may be.

    Raises KeyError, TypeError, ValueError or zlib.error for what is no content.
    """
    inflating = zlib.decompressobj()
    text = inflating.decompress(content["payload"]["B"], MAX_PAYLOAD + 1)
    if not inflating.eof:
        raise ValueError("it is too long, or not all of it is there")
    return text


def after_payload(metadata: Item) -> dict[str, str]:
    """What the service added: who deleted it and when it is due, and who restored it."""
    return {
        field: metadata[field]["S"]
        for fields in (OF_A_DELETION, OF_A_RESTORE)
        if fields[0] in metadata
        for field in fields
    }
