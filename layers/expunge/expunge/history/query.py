"""The query string of a request, read only once: the parameters carried out are those a signature covers.

API Gateway also hands over decoded parameters, with the values of a repeated one joined by commas. They are
not used here. A query that could be read in more than one way is refused: a parameter given twice, a name
with encoded characters (``st%61rt``), or a value that is no percent-encoded UTF-8.
"""

import re
from urllib.parse import unquote_to_bytes

from expunge.errors import InvalidRequest

KNOWN = ("start", "end", "auth", "uuid", "timestamp", "signature", "pnsdk", "requestid", "instanceid")
"""The parameters of the API, then those that PubNub's SDKs add to every request."""

# The SDKs report in parameters such as l_pub how long earlier requests took.
_LATENCY = re.compile(r"l_[A-Za-z0-9_.-]*")
_HALF_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LONGEST_SHOWN = 40


def parameters(raw: str) -> dict[str, str]:
    """Read a raw query string: values decoded, names exactly as they were sent. Raises InvalidRequest.

    A plus sign stands for a blank, as in forms; a name without an equals sign has the empty value.
    """
    read: dict[str, str] = {}
    for pair in filter(None, raw.split("&")):
        name, _, value = pair.partition("=")
        if name not in KNOWN and _LATENCY.fullmatch(name) is None:
            raise InvalidRequest(
                f"{_shown(name)} is not a known parameter; known are {', '.join(KNOWN)} and l_*"
            )
        if name in read:
            raise InvalidRequest(f"{_shown(name)} must be given only once")
        read[name] = _decoded(name, value)
    return read


def _decoded(name: str, value: str) -> str:
    if _HALF_ENCODED.search(value):
        raise InvalidRequest(f"{_shown(name)} must be percent-encoded UTF-8")
    try:
        return unquote_to_bytes(value.replace("+", " ")).decode()
    except UnicodeError:
        raise InvalidRequest(f"{_shown(name)} must be percent-encoded UTF-8") from None


def _shown(name: str) -> str:
    """Quote a name that may hold anything and be of any length."""
    start = re.sub(r"[^!-~]", "?", name[:_LONGEST_SHOWN])
    return f'"{start}"' if len(name) <= _LONGEST_SHOWN else f'"{start}..."'
