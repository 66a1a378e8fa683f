"""From a Lambda event to the deletion of history and back to the envelope of document 004.

The gateway cuts the path at an encoded question mark, and nothing else that it hands over shows that there
was one: a name with one in it arrives as what stands before. A signature then does not hold, and neither
tokens nor grants for the whole name count; a keyset without Access Manager has nothing that would tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps

from expunge import access, envelopes, timestamps, timetokens
from expunge.deadline import Context
from expunge.envelopes import Response
from expunge.errors import InvalidRequest, Refused
from expunge.request import Event, Request
from expunge.settings import settings
from expunge.soft_delete import Deletion
from expunge.store import Store, store
from expunge.telemetry import logger

_MOST_CHANNELS = 50
_LONGEST_CHANNEL = 92
_LONGEST_UUID = 64


@dataclass(frozen=True, slots=True)
class Call:
    """An admitted request: timetokens of channels of a keyset, and when it arrived."""

    request: Request
    store: Store
    sub_key: str
    channels: Sequence[str]
    span: range
    at: datetime
    deletion: Deletion


Logic = Callable[[Call], None]
Handler = Callable[[Event, Context], Response]


def history_endpoint(logic: Logic) -> Handler:
    """Make a Lambda handler of the logic: the shape of the request first, then the permission."""

    @wraps(logic)
    def handler(event: Event, context: Context) -> Response:
        request = Request(event, context)
        with logger.append_context_keys(request_id=request.id):
            try:
                logic(_admit(request))
            except Refused as refused:
                logger.info("Refused", extra={"code": refused.code, "reason": refused.message})
                return envelopes.history_failure(refused, request.id)
            except Exception:
                logger.exception("Failed")
                return envelopes.history_internal_error(request.id)
            return envelopes.history_deleted(request.id)

    return handler


def _admit(request: Request) -> Call:
    at = timestamps.now()
    query = request.query()
    sub_key, raw_channels = request.path("sub_key"), request.path("channels")
    channels = _channels(raw_channels)
    span = timetokens.span(_timetoken(query, "start"), _timetoken(query, "end"))
    uuid = query.get("uuid")
    if uuid is not None and not _at_most(_LONGEST_UUID, uuid):
        raise InvalidRequest(f"uuid must be at most {_LONGEST_UUID} UTF-8 characters long")
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
    deletion = Deletion.of(request.id, sub_key, at, settings().retention_days)
    return Call(request, store(), sub_key, channels, span, at, deletion)


def _channels(text: str) -> list[str]:
    names = text.split(",")
    good = all(name.strip() and _at_most(_LONGEST_CHANNEL, name) for name in names)
    if not good or len(names) > _MOST_CHANNELS:
        raise InvalidRequest(
            f"channels must be 1 to {_MOST_CHANNELS} names of 1 to {_LONGEST_CHANNEL} UTF-8 characters,"
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
