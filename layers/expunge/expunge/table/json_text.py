"""Reads and writes the JSON of records: strictly, quickly, and with an error instead of a crash.

pydantic's parser reads twice as fast as the standard library's, but refuses lone surrogates, which JSON
allows and which real payloads hold. So it reads first, and what it refuses is read by the standard library.
"""

import json
from typing import Any, Final, NoReturn

from pydantic_core import PydanticSerializationError, from_json, to_json

MAX_DEPTH: Final = 200
"""Levels that a payload may be nested; the object around it is one more."""


class NotJson(ValueError):
    """The text is not what it must be. The message is a predicate, to follow a subject: ``is not JSON``."""


def read(text: bytes) -> Any:
    """Parse one JSON value. Raises NotJson, which never quotes the text."""
    try:
        return from_json(text, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        return _read_with_care(text)


def compact(value: Any) -> bytes:
    """Write JSON without blanks, in UTF-8, escaping what UTF-8 cannot hold: lone surrogates.

    Raises ValueError for a number beyond the range of a double, which reading turned into infinity.
    """
    try:
        text = to_json(value)
    except PydanticSerializationError:
        text = _write_with_care(value)
    # An infinity is written as Infinity, but a string may say the same. The careful way tells them apart.
    return _write_with_care(value) if b"Infinity" in text else text


def _read_with_care(text: bytes) -> Any:
    try:
        value = json.loads(text.decode(), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise NotJson("is not UTF-8") from error
    except (json.JSONDecodeError, _NoConstant) as error:
        raise NotJson("is not JSON") from error
    except RecursionError as error:
        raise NotJson(_TOO_DEEP) from error
    except ValueError as error:  # Python's own guard against numbers that take ages to convert
        raise NotJson("must hold no number of more than 4,300 digits") from error
    if _depth(value) > MAX_DEPTH + 1:
        raise NotJson(_TOO_DEEP)
    return value


def _write_with_care(value: Any) -> bytes:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode(errors="backslashreplace")


_TOO_DEEP: Final = f"must not be nested deeper than {MAX_DEPTH} levels"


class _NoConstant(Exception):
    """``NaN`` or ``Infinity``, which Python takes for JSON."""


def _refuse(_constant: str) -> NoReturn:
    raise _NoConstant


def _depth(value: Any) -> int:
    """Count the levels without recursion, which the value might exhaust."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return depth
