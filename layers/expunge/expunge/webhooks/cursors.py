"""Cursors: where the next page of a list begins. They name no account, so none opens another one's list."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from expunge.errors import InvalidRequest

_ORDER = re.compile(r"[0-9T:.-]{23}Z#req_[A-Za-z0-9_-]{1,128}")
_PLACE = re.compile(r"([0-9]{1,6})#(req_[A-Za-z0-9_-]{1,128})")


def of_deletion(order: str) -> str:
    """Name the last deletion of a page."""
    return _write(order)


def read_deletion(cursor: str) -> str:
    """Read what of_deletion wrote. Raises InvalidRequest."""
    order = _read(cursor)
    if _ORDER.fullmatch(order) is None:
        raise _refused()
    return order


def of_message(request_id: str, place: int) -> str:
    """Name the place of a message among those of a deletion."""
    return _write(f"{place}#{request_id}")


def read_message(cursor: str, request_id: str) -> int:
    """Read what of_message wrote for that deletion. Raises InvalidRequest."""
    match = _PLACE.fullmatch(_read(cursor))
    if match is None or match[2] != request_id:
        raise _refused()
    return int(match[1])


def _write(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str) -> str:
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        raise _refused() from None
    # Letters that base64 passes over would make many cursors of one.
    if _write(text) != cursor:
        raise _refused()
    return text


def _refused() -> InvalidRequest:
    return InvalidRequest("cursor must be one that the page before this one gave")
