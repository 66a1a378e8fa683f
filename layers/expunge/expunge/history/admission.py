"""Admits requests to delete channel history: checks first their shape, then their permission.

API Gateway cuts the path at an encoded question mark, and nothing in the event shows that there was one. So a
channel whose name has a question mark arrives as the part of its name before the mark. A keyset with Access
Manager refuses such a request, because its signature, token or grant is for the whole name. A keyset without
it cannot tell, and deletes from the channel that has the shorter name.
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

_SECONDS = 8.5
"""For all that a function does. PubNub's SDKs give up after 10 s, which include the way here and back."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What an admitted request may delete: messages with these timetokens, in these channels of a keyset.

    `at` is when it arrived, `deadline` the time that it has.
    """

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
    """Give the same deadline or, if that is sooner, one that ends before PubNub's SDKs give up."""
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
    """Whether a text has at most that many characters and can be written as UTF-8."""
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
