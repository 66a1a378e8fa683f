"""Takes an untrusted CBOR map (RFC 8949) apart into its entries, before anything decodes it.

Tokens are maps of plain values. Whatever else CBOR can do (tags, indefinite lengths, deep nesting, data after
the end) is refused here, in one pass over the bytes.
"""

from collections.abc import Iterator
from enum import IntEnum

_DEEPEST = 8
"""Levels of maps and arrays in a value."""
_MOST_ITEMS = 3_000
"""Items of CBOR in a token, at all levels: mostly names of channels and what is granted in each. A token of
10 KB has room for twice as many, but looking them over would take longer than the rest of a refusal."""
_MOST_ENTRIES = 23
"""So that a map's number of entries fits into its first byte."""

# The first byte of an item. Its last five bits are a number below 24, or say that the number is in the next
# 1, 2, 4 or 8 bytes: 24, 25, 26 or 27.
_MAP_OF_NONE = 0xA0
_SHORT = 24
_EIGHT_BYTES = 27


class _Major(IntEnum):
    BYTES = 2
    TEXT = 3
    ARRAY = 4
    MAP = 5
    TAG = 6


def entries(encoded: bytes) -> list[tuple[bytes, bytes]]:
    """Keys and values, still encoded, of a map of up to 23 entries. Raises ValueError for anything else."""
    major, count, at = _head(encoded, 0)
    if major != _Major.MAP or count > _MOST_ENTRIES:
        raise ValueError("no short map")
    found = []
    items = iter(range(_MOST_ITEMS))
    for _ in range(count):
        value_at = _end(encoded, at, _DEEPEST, items)
        end = _end(encoded, value_at, _DEEPEST, items)
        found.append((encoded[at:value_at], encoded[value_at:end]))
        at = end
    if at != len(encoded):
        raise ValueError("data after the end")
    return found


def short_map(found: list[tuple[bytes, bytes]]) -> bytes:
    """Encode a map of up to 23 entries that are encoded already."""
    return bytes([_MAP_OF_NONE + len(found)]) + b"".join(key + value for key, value in found)


def _end(encoded: bytes, at: int, depth: int, items: Iterator[int]) -> int:
    """Where the item that begins at `at` ends. Raises ValueError.

    The item and each one in it use up one of `items`; `depth` is how many levels it may have.
    """
    if next(items, None) is None:
        raise ValueError("too many items")
    major, argument, at = _head(encoded, at)
    if major in (_Major.BYTES, _Major.TEXT):
        at += argument
        if at > len(encoded):
            raise ValueError("cut short")
    elif major in (_Major.ARRAY, _Major.MAP):
        if depth == 0:
            raise ValueError("too deep")
        # It may claim to hold any number of items: this ends at the latest with the data, or with `items`.
        for _ in range(argument * (2 if major == _Major.MAP else 1)):
            at = _end(encoded, at, depth - 1, items)
    elif major == _Major.TAG:
        raise ValueError("tagged")
    return at


def _head(encoded: bytes, at: int) -> tuple[int, int, int]:
    """Major type and argument of the item that begins at `at`, and where its head ends."""
    if at >= len(encoded):
        raise ValueError("cut short")
    major, short = encoded[at] >> 5, encoded[at] & 0x1F
    if short < _SHORT:
        return major, short, at + 1
    if short > _EIGHT_BYTES:
        raise ValueError("of indefinite length")
    end = at + 1 + (1 << (short - _SHORT))
    if end > len(encoded):
        raise ValueError("cut short")
    return major, int.from_bytes(encoded[at + 1 : end], "big"), end
