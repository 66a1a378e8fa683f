"""Who may delete which stretch of which channels: the shape of the request first, then the permission.

The gateway cuts the path at an encoded question mark, and nothing else that it hands over shows that there
was one: a name with one in it arrives as what stands before. A signature then does not hold, and neither
tokens nor grants for the whole name count; a keyset without Access Manager has nothing that would tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from expunge import timestamps, timetokens
from expunge.errors import InvalidRequest
from expunge.history import access
from expunge.http.endpoint import Call
from expunge.http.request import Request
from expunge.table.store import store
from expunge.vocabulary import LONGEST_CHANNEL, LONGEST_UUID

_MOST_CHANNELS = 50


@dataclass(frozen=True, slots=True)
class Stretch:
    """Timetokens of a keyset's channels that a caller may delete, and when the request arrived."""

    sub_key: str
    channels: Sequence[str]
    timetokens: range
    at: datetime


def permitted(request: Request) -> Call[Stretch]:
    """Admit a request that may delete what it asks for. Raises InvalidRequest, AccessDenied, StoreError."""
    at = timestamps.now()
    query = request.query()
    sub_key, raw_channels = request.path("sub_key"), request.path("channels")
    channels = _channels(raw_channels)
    asked_for = timetokens.between(_timetoken(query, "start"), _timetoken(query, "end"))
    uuid = query.get("uuid")
    if uuid is not None and not _at_most(LONGEST_UUID, uuid):
        raise InvalidRequest(f"uuid must be at most {LONGEST_UUID} UTF-8 characters long")
    asked = access.Asked(
        sub_key,
        channels,
        raw_channels,
        request.raw_query(),
        _body(request),
        uuid,
        query.get("auth"),
        query.get("signature"),
        query.get("timestamp"),
    )
    access.require_delete(store(), asked, request.deadline)
    return Call(request, Stretch(sub_key, channels, asked_for, at), store())


def _channels(text: str) -> list[str]:
    names = text.split(",")
    good = all(name.strip() and _at_most(LONGEST_CHANNEL, name) for name in names)
    if not good or len(names) > _MOST_CHANNELS:
        raise InvalidRequest(
            f"channels must be 1 to {_MOST_CHANNELS} names of 1 to {LONGEST_CHANNEL} UTF-8 characters,"
            " separated by commas"
        )
    return list(dict.fromkeys(names))


def _at_most(longest: int, text: str) -> bool:
    """Whether it is that short and can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return len(text) <= longest


def _timetoken(query: dict[str, str], name: str) -> int | None:
    if name not in query:
        return None
    try:
        return timetokens.parse(query[name])
    except ValueError:
        raise InvalidRequest(f"{name} must be a timetoken, a whole number of 1 to 19 digits") from None


def _body(request: Request) -> bytes:
    try:
        return request.body()
    except ValueError:
        raise InvalidRequest("body must be what it claims to be: base64") from None
