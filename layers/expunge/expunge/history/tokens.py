"""Access Manager tokens, version 3: CBOR that says what is granted, sealed with the keyset's secret key.

The seal is an HMAC-SHA256. How PubNub seals its tokens is not public, so these are this service's own.

A token is not decoded before it is trusted: it is taken apart into its entries, then its seal is checked, and
only what the holder of the secret key wrote is decoded. `cbor2` and `re2` are imported where they are needed,
because a request without a token needs neither.
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expunge.history import cbor

DELETE = 8
"""The bit that grants deleting, among the bits that a token has for each channel."""

LONGEST_TTL = 43_200
"""Minutes: 30 days."""

_LONGEST = 10_240
"""Characters. API Gateway lets pass so many bytes of request line and headers together."""
_BASE64 = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_SIG = b"\x43sig"
_SIG_HEAD = b"\x58\x20"  # a byte string of 32 bytes follows
_SIG_BYTES = 32
# Bytes that RE2 may use. They bound the time of compiling and matching patterns, but not of parsing them. So
# what is slow to parse is counted, in repetitions: those with a number, such as {100}, count by the number,
# and classes of Unicode, such as \pL, which hold hundreds of ranges, as 70 each.
_PATTERN_MEMORY = 1 << 19
_SLOW_TO_PARSE = re.compile(r"\\[pP]|\{(\d{1,4})(?:,(\d{0,4}))?\}")
_COST_OF_A_CLASS = 70
_HIGHEST_COST = 500


@dataclass(frozen=True, slots=True)
class Token:
    """A token whose seal is right: it grants deleting in the channels of these names and patterns.

    `expires_at` is in Unix seconds. If there is a `uuid`, only the client of that uuid may use it.
    """

    expires_at: int
    uuid: str | None
    names: frozenset[str]
    patterns: tuple[str, ...]

    def lacking(self, channels: Sequence[str], uuid: str | None) -> list[str]:
        """Those of the channels in which it does not allow this client to delete."""
        if self.uuid is not None and self.uuid != uuid:
            return list(channels)
        unnamed = [channel for channel in channels if channel not in self.names]
        return _unmatched(self.patterns, unnamed) if self.patterns and unnamed else unnamed


@dataclass(frozen=True, slots=True)
class Sealed:
    """A token whose seal nobody has checked yet."""

    content: bytes
    sig: bytes

    @classmethod
    def unwrap(cls, text: str) -> "Sealed | None":
        """Take a token apart without decoding it; None for what is no token, such as an auth key."""
        if len(text) > _LONGEST or _BASE64.fullmatch(text) is None:
            return None
        bare = text.rstrip("=")
        try:
            found = cbor.entries(urlsafe_b64decode(bare + "=" * (-len(bare) % 4)))
        except ValueError:
            return None
        sigs = [value for key, value in found if key == _SIG]
        if len(sigs) != 1 or sigs[0][:2] != _SIG_HEAD or len(sigs[0]) != len(_SIG_HEAD) + _SIG_BYTES:
            return None
        return cls(cbor.short_map([entry for entry in found if entry[0] != _SIG]), sigs[0][2:])

    def open(self, secret_key: str) -> Token | None:
        """Check the seal, in constant time, and read what it holds; None if either fails."""
        if not hmac.compare_digest(self.sig, _seal(self.content, secret_key)):
            return None
        from cbor2 import CBORError, loads  # noqa: PLC0415 - see above

        try:
            return _read(loads(self.content))
        except (CBORError, ValueError):
            return None


def issue(fields: Mapping[bytes, Any], secret_key: str) -> str:
    """Seal a token's fields (``v``, ``t``, ``ttl``, ``res``, ...). Return it as padded URL-safe base64."""
    from cbor2 import dumps  # noqa: PLC0415 - see above

    sig = _seal(dumps(dict(fields)), secret_key)
    return urlsafe_b64encode(dumps({**fields, b"sig": sig})).decode()


def _seal(content: bytes, secret_key: str) -> bytes:
    return hmac.digest(secret_key.encode(), content, "sha256")


def _read(fields: Any) -> Token:
    """Check what a token says. Raises ValueError."""
    if _number(fields.get(b"v")) != 2:  # noqa: PLR2004 - how PubNub numbers the tokens of Access Manager v3
        raise ValueError("of another version")
    issued_at, ttl = _number(fields.get(b"t")), _number(fields.get(b"ttl"))
    if issued_at < 0 or not 1 <= ttl <= LONGEST_TTL:
        raise ValueError("of no time")
    uuid = fields.get(b"uuid")
    return Token(
        expires_at=issued_at + 60 * ttl,
        uuid=None if uuid is None else _text(uuid),
        names=frozenset(_deletable(fields.get(b"res"))),
        patterns=tuple(_deletable(fields.get(b"pat"))),
    )


def _deletable(resources: Any) -> Iterable[str]:
    channels = _map(_map(resources).get(b"chan"))
    return [_text(name) for name, bits in channels.items() if _number(bits) & DELETE]


def _map(value: Any) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("no map")  # noqa: TRY004 - whatever a token says wrongly is one error
    return value


def _number(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("no number")
    return value


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str):
        raise ValueError("no text")  # noqa: TRY004 - likewise
    return value


def _unmatched(patterns: Iterable[str], channels: Sequence[str]) -> list[str]:
    """Give the channels whose whole name no pattern matches.

    A pattern that RE2 refuses matches none. What the patterns cost to parse is added up: the one that exceeds
    the limit, and all after it, match none either.
    """
    import re2  # type: ignore[import-untyped] # noqa: PLC0415 - it has no types; see above

    options = re2.Options()
    options.max_mem = _PATTERN_MEMORY
    options.log_errors = False
    # All at once, in one automaton: time and memory are bounded together, however many patterns there are.
    together = re2.Set.FullMatchSet(options)
    left = _HIGHEST_COST
    for pattern in patterns:
        left -= _cost(pattern)
        if left < 0:
            break
        try:
            together.Add(pattern)
        except re2.error:
            continue
    try:
        together.Compile()
    except re2.error:
        return list(channels)
    return [channel for channel in channels if not together.Match(channel)]


def _cost(pattern: str) -> int:
    """How slow a pattern is to parse, in repetitions."""
    slow = _SLOW_TO_PARSE.finditer(pattern)
    return sum(int(each[2] or each[1]) if each[1] else _COST_OF_A_CLASS for each in slow)
