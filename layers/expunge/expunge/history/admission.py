"""Who may delete which stretch of which channels: the shape of the request first, then the permission.

The gateway cuts the path at an encoded question mark, and nothing that it hands over shows that there was
one. So a channel whose name has a question mark arrives as the part before it. With Access Manager that is
refused, because signature, token or grant are for the whole name; without it, nothing would tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from expunge import timestamps, timetokens
from expunge.deadline import Deadline
from expunge.errors import InvalidRequest
from expunge.history import access, query
from expunge.http.endpoint import Call
from expunge.http.request import Request
from expunge.table.store import store
from expunge.vocabulary import LONGEST_CHANNEL, LONGEST_UUID

_MOST_CHANNELS = 50

# PubNub's SDKs give up after 10 s. The last half second of these is for reading back what became of a write.
_SECONDS = 8.5


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a caller may delete: timetokens in channels of a keyset; when it asked, and the time for it."""

    sub_key: str
    channels: Sequence[str]
    timetokens: range
    at: datetime
    deadline: Deadline


def permitted(request: Request) -> Call[Stretch]:
    """Admit a request that may delete what it asks for. Raises InvalidRequest, AccessDenied, StoreError."""
    at = timestamps.now()
    deadline = _until_the_answer(request.deadline)
    given = query.parameters(request.raw_query())
    sub_key, path = request.path("sub_key"), request.path("channels")
    channels = _channels(path)
    asked_for = timetokens.between(_timetoken(given, "start"), _timetoken(given, "end"))
    if not _at_most(LONGEST_UUID, given.get("uuid", "")):
        raise InvalidRequest(f"uuid must be at most {LONGEST_UUID} UTF-8 characters long")
    asked = access.Asked(sub_key, channels, path, given, _body(request))
    access.require_delete(store(), asked, deadline)
    return Call(request, Stretch(sub_key, channels, asked_for, at, deadline), store())


def _until_the_answer(deadline: Deadline) -> Deadline:
    """Give the same deadline or, if that is sooner, the time after which the SDKs no longer wait."""
    reserve = max(0.0, deadline.to_end() - _SECONDS)
    return Deadline(lambda: int(1000 * (deadline.to_end() - reserve)))


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


def _timetoken(given: dict[str, str], name: str) -> int | None:
    if name not in given:
        return None
    try:
        return timetokens.parse(given[name])
    except ValueError:
        raise InvalidRequest(f"{name} must be a timetoken, a whole number of 1 to 19 digits") from None


def _body(request: Request) -> bytes:
    try:
        return request.body()
    except ValueError:
        raise InvalidRequest("body must be what it claims to be: base64") from None
