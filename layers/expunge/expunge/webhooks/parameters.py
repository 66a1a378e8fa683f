"""What comes in besides filters: ids in the path, JSON bodies, and nothing that a call does not know."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from expunge.errors import InvalidRequest
from expunge.http.request import Request
from expunge.vocabulary import UUID

A_UUID = "a UUID, such as 01935abc-def0-7123-4567-890abcdef012"

_UUID = re.compile(UUID)
_MOST_IDS = 100
_LONGEST_ID = 128
# Characters of an unknown name that an answer repeats.
_SHOWN = 64

# Bytes of a body that is looked into: there is room for 100 ids of 128 characters with each of them escaped,
# and for 1,000 ids as they are. What is longer, or has more brackets than such ids could, costs many times
# what a list of ids does before anyone knows that it is none.
_LARGEST_BODY = 160_000
_MOST_BRACKETS = 15_000


def is_uuid(text: str) -> bool:
    """Whether it is a UUID of any version, in its usual form of 8-4-4-4-12 hexadecimal digits."""
    return _UUID.fullmatch(text) is not None


def uuid(text: str) -> str:
    """Read a UUID, in lower case. Raises ValueError for anything else."""
    if not is_uuid(text):
        raise ValueError("not a UUID")
    return text.lower()


def path_uuid(request: Request, name: str) -> str:
    """Read a variable of the path that must be a UUID. Raises InvalidRequest."""
    try:
        return uuid(request.path(name))
    except ValueError:
        raise InvalidRequest(f"{name} must be {A_UUID}") from None


def refuse_unknown(given: Iterable[str], known: Iterable[str], what: str = "parameter") -> None:
    """Raise InvalidRequest for the first name that is not among the known ones, which it lists."""
    names = list(known)
    for name in given:
        if name not in names:
            takes = (
                f"the {what}s of this call are {', '.join(names)}" if names else f"this call takes no {what}s"
            )
            raise InvalidRequest(f"{_shown(name)} is not known: {takes}")


def _shown(name: str) -> str:
    """Quote a name that a caller made up, so that it can do no harm where it is read."""
    plain = re.sub(r"[^ !#-~]", "?", name[: _SHOWN + 1])
    return f'"{plain}"' if len(plain) <= _SHOWN else f'"{plain[:_SHOWN]}..."'


def read_object(body: Callable[[], bytes]) -> Mapping[str, Any]:
    """Read a JSON object from a body that may not even decode. Raises InvalidRequest."""
    try:
        value = json.loads(
            _bounded(body()).decode(), parse_constant=_refuse_constant, object_pairs_hook=_once_each
        )
    except (ValueError, RecursionError):
        raise InvalidRequest("payload must be valid JSON") from None
    if not isinstance(value, dict):
        raise InvalidRequest("payload must be a JSON object")
    return value


def _bounded(body: bytes) -> bytes:
    """Return a body that is quickly read whatever it is. Raises InvalidRequest, ValueError."""
    if len(body) > _LARGEST_BODY:
        raise InvalidRequest(f"payload must be at most {_LARGEST_BODY} bytes long")
    if body.count(b"[") + body.count(b"{") > _MOST_BRACKETS:
        raise ValueError("nested too much")
    return body


def _refuse_constant(name: str) -> None:
    """Python takes NaN and Infinity for JSON."""
    raise ValueError(name)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A field that is given twice could be read in two ways."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise InvalidRequest("payload must give each field only once")
    return fields


def read_ids(body: Callable[[], bytes]) -> list[str]:
    """Read the body of a delete-batch. Raises InvalidRequest."""
    fields = read_object(body)
    refuse_unknown(fields, ["message_ids"], "field")
    ids = fields.get("message_ids")
    if not (
        isinstance(ids, list)
        and 1 <= len(ids) <= _MOST_IDS
        and all(isinstance(each, str) and 1 <= len(each) <= _LONGEST_ID for each in ids)
    ):
        raise InvalidRequest(
            f"message_ids must be a list of 1 to {_MOST_IDS} strings of 1 to {_LONGEST_ID} characters"
        )
    return ids


def refuse_body(request: Request, reason: str) -> None:
    """Raise InvalidRequest, with the reason, for a body that says anything."""
    try:
        empty = not request.body().strip()
    except ValueError:
        raise InvalidRequest("payload must be valid JSON") from None
    if not empty and read_object(request.body):
        raise InvalidRequest(f"payload must be empty: {reason}")
