"""Input that is meant to hurt, of any size: in a query, in headers, in a body, in a queue, as a token.

The first of each, called plain, is what the others of that size are compared with.
"""

import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping

from expunge.history.tokens import issue
from tests.world import INBOUND, KEY, SECRET_KEY

PLAIN = "plain"


def queries(size: int) -> Mapping[str, str]:
    """Query strings as the gateway hands them over, encoded."""
    return {
        PLAIN: _filled("a", size, "limit="),
        "many parameters": _numbered("p{}=1&", size),
        "one, again and again": _filled("status=stored&", size),
        "one with nothing, again and again": _filled("status=&", size),
        "latencies": _numbered("l_{}=1&", size),
        "a list": _filled("stored%2C", size, "status="),
        "a list of commas": _filled(",", size, "status="),
        "a long number": _filled("9", size, "limit="),
        "a time": _filled("2026-", size, "received_after="),
        "a fraction of a second": _filled("9", size, "limit=0&received_after=2026-04-01T00:00:00.", "Z"),
        "percent signs": _filled("%", size, "status="),
        "all encoded": _filled("%61", size, "event_type="),
        "no UTF-8": _filled("%ff", size, "event_type="),
        "half a letter": _filled("%c3", size, "uuid="),
        "plus signs": _filled("+", size, "uuid="),
        "plus signs that are signed": _filled("+", size, "signature=v2.a&timestamp=1&pnsdk="),
        "ampersands": _filled("&", size, "", "a=1"),
        "a cursor": _filled("a", size, "cursor="),
        "a timetoken": _filled("9", size, "start="),
        "a signature": _filled("%C3%A9", size, f"timestamp={int(time.time())}&signature="),
        "an encoded name": _filled("%61", size, "", "=1"),
    }


def headers(size: int) -> Mapping[str, Mapping[str, str]]:
    """Headers beside the API key, or in its place."""
    return {
        PLAIN: {"x-plain": _filled("a", size)},
        "many": {f"x-{number:05}": "1" for number in range(size // 10)},
        "a key": {"authorization": _filled("a", size, "Bearer ")},
        "a key of blanks": {"authorization": _filled(" ", size, "Bearer ", "a b")},
        "a key and blanks": {"authorization": f"Bearer {'a' * (size // 2)}{' ' * (size // 2)}b"},
        "a key that is no ASCII": {"authorization": _filled("\xe9", size, "Bearer ")},
        "schemes": {"authorization": _filled("Bearer ", size)},
        "blanks as a key": {"x-api-key": _filled(" ", size)},
        "an idempotency key": {"authorization": f"Bearer {KEY}", "idempotency-key": _filled("a", size)},
        "cookies": {"cookie": _filled("a=1; ", size)},
    }


def bodies(size: int) -> Mapping[str, str]:
    """Bodies, most of them JSON."""
    return {
        PLAIN: _numbered('"01935abc-def0-7123-4567-{}",', size, '{"message_ids":[', '"a"]}'),
        "open brackets": "[" * size,
        "open braces": _filled('{"a":', size),
        "nested": _filled("[" * 900 + "]" * 900 + ",", size, "[", "0]"),
        "empty lists": _filled("[],", size, "[", "0]"),
        "empty objects": _filled("{},", size, "[", "0]"),
        "lists of one": _filled("[0],", size, '{"message_ids":[', "0]}"),
        "short numbers": _filled("1,", size, "[", "1]"),
        "numbers": _filled("1234567,", size, "[", "1]"),
        "long numbers": _filled("9" * 4000 + ",", size, "[", "1]"),
        "one number": "9" * size,
        "fractions": _filled("1.7976931348623157e308,", size, "[", "1]"),
        "long fractions": _filled("0." + "1234567890" * 70 + "e-300,", size, "[", "1]"),
        "escapes": _filled("\\u0000", size, '{"message_ids":["', '"]}'),
        "half pairs": _filled("\\ud800", size, '{"message_ids":["', '"]}'),
        "many fields": _numbered('"{}":1,', size, "{", '"a":1}'),
        "one field, again and again": _filled('"message_ids":[],', size, "{", '"a":1}'),
        "short texts": _filled('"a",', size, '{"message_ids":[', '"a"]}'),
        "empty texts": _filled('"",', size, '{"message_ids":[', '""]}'),
        "blanks": _filled(" ", size, "{", "}"),
        "blanks and no more": _filled(" ", size, "", "{"),
        "literals": _filled("true,", size, "[", "true]"),
    }


def queued(size: int) -> Mapping[str, str]:
    """Bodies of the records queue."""
    record = (
        '{{"kind":"inbound_message","account_id":"acc_1","id":"01935abc-def0-7123-4567-{}",'
        f'"inbound_endpoint_id":"{INBOUND}","status":"succeeded","received_at":"2026-04-05T14:23:11Z",'
        '"payload":{{"a":1}}}}\n'
    )
    return {
        PLAIN: _numbered(record, size),
        "lines that are no JSON": _filled("x\n", size),
        "empty objects": _filled("{}\n", size),
        "numbers": _filled("1\n", size),
        "of an unknown kind": _filled('{"kind":1}\n', size),
        "without fields": _filled('{"kind":"inbound_message"}\n', size),
        "endpoints": _filled('{"kind":"inbound_endpoint","account_id":"a","id":"a"}\n', size),
        "blank lines": _filled("\n", size),
        "open brackets": "[" * size,
        "nested": _filled("[" * 190 + "]" * 190 + ",", size, '{"kind":"inbound_message","payload":[', "0]}"),
        "many fields": _numbered('"{}":1,', size, '{"kind":"inbound_message",', '"a":1}'),
        "half pairs": _filled("\\ud800", size, '{"kind":"inbound_message","payload":"', '"}'),
        "long fractions": _filled(
            "0." + "1234567890" * 70 + "e-300,", size, '{"kind":"inbound_message","payload":[', "1]}"
        ),
    }


def tokens(size: int) -> Mapping[str, str]:
    """What is sent as `auth`: CBOR that looks like a token as long as it can, under no seal."""
    most = size * 3 // 4
    head, seal = b"\xa2\x00", b"\x43sig\x58\x20" + bytes(32)
    room = most - len(head) - len(seal) - 9

    def encoded(raw: bytes) -> str:
        return urlsafe_b64encode(raw).decode()

    def listed(item: bytes, count: int) -> str:
        return encoded(head + b"\x99" + count.to_bytes(2) + item * count + seal)

    return {
        PLAIN: _filled("a", size),
        "nested": encoded(b"\x81" * most),
        "numbers": listed(b"\x00", room),
        "texts": listed(b"\x61a", room // 2),
        "lists": listed(b"\x80", room),
        "deep lists": listed(b"\x81" * 6 + b"\x80", room // 7),
        "maps": listed(b"\xa1\x00\x00", room // 3),
        "long numbers": listed(b"\x1b" + b"\xff" * 8, room // 9),
        "a huge length": encoded(b"\xa1\x00\x9b" + b"\xff" * 8 + bytes(room)),
        "a huge text": encoded(b"\xa1\x00\x7b" + b"\xff" * 8 + bytes(room)),
        "a huge map": encoded(b"\xbb" + b"\xff" * 8 + bytes(room)),
        "of no length": encoded(b"\xbf" * most),
        "lists of no length": encoded(b"\xa1\x00" + b"\x9f" * room),
        "tagged": encoded(b"\xa1" + b"\xc2" * room),
        "a big number": encoded(b"\xa1\x00\xc2\x5a" + room.to_bytes(4) + bytes(room)),
        "a seal, again and again": encoded(b"\xb7" + b"\x43sig\x58\x20" + bytes(32) + seal * 22),
    }


def sealed(pattern: str, count: int) -> str:
    """Write a token of the keyset's owner, with so many patterns that are alike."""
    chan = {f"{pattern}{number}": 8 for number in range(count)}
    fields = {b"v": 2, b"t": int(time.time()), b"ttl": 60, b"res": {}, b"pat": {b"chan": chan}}
    return issue(fields, SECRET_KEY)


PATTERNS = (
    "(a{0,40}){0,25}",
    "((a?){1,30}){1,30}b",
    ".*.*.*.*.*=.*",
    "(x+x+)+y",
    "[a-z]{900}",
    r"(\pL{1,30}){1,30}",
    "(?i)" + "[^a]{0,900}",
    "(" * 500 + "a" + ")*" * 500,
    ".{0,500}" * 10,
    ".{0,50}" * 10,
    r"\pL" * 900,
    r"(?i)\pL" + "." * 900,
    "(?i)" + "[\u0080-\U0010ffff]" * 100,
)
"""Patterns that take long to compile or to match, or that no engine takes."""


def _filled(pattern: str, size: int, start: str = "", end: str = "") -> str:
    return start + pattern * ((size - len(start) - len(end)) // len(pattern)) + end


def _numbered(pattern: str, size: int, start: str = "", end: str = "") -> str:
    one = len(pattern.format("0" * 12))
    count = (size - len(start) - len(end)) // one
    return start + "".join(pattern.format(f"{number:012}") for number in range(count)) + end
