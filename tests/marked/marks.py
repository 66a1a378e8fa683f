"""Secrets and contents that are marked, so that each is found again wherever it comes out, in any form."""

import hashlib
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal
from urllib.parse import quote, quote_plus

Form = Literal["itself", "its digest"]
Marks = Mapping[str, str]
"""What is marked, by name."""

_BEGINNING = 16
"""Characters of a mark that suffice to know it: what is written may have been cut short."""

_DIGEST = 12
"""The same of a digest."""


def marked(name: str, before: str = "", after: str = "") -> str:
    """A text that occurs nowhere else; always the same one for a name."""
    return before + hashlib.blake2b(name.encode(), digest_size=8).hexdigest() + after


MARKS: Marks = {
    "API key": marked("API key", "hb_live_"),
    "revoked API key": marked("revoked API key", "hb_live_"),
    "expired API key": marked("expired API key", "hb_live_"),
    "API key without scopes": marked("API key without scopes", "hb_live_"),
    "unknown API key": marked("unknown API key", "hb_live_"),
    "password": marked("password"),
    "idempotency key": marked("idempotency key"),
    "header": marked("header"),
    "value of a parameter": marked("value of a parameter", after="/+ é"),
    "event type": marked("event type"),
    "body": marked("body", after='"/+ é\\'),
    "id in a body": marked("id in a body"),
    "payload": marked("payload", after='"/+ é\\'),
    "name in a payload": marked("name in a payload"),
    "object in S3": marked("object in S3"),
    "secret key": marked("secret key", "sec-c-"),
    "auth key": marked("auth key"),
    "unknown auth key": marked("unknown auth key"),
    "forged signature": marked("forged signature", "v2."),
    "provider's key": marked("provider's key"),
    "provider's answer": marked("provider's answer"),
    "bad line": marked("bad line", after='"é\\'),
    "name in a bad line": marked("name in a bad line"),
    "record of the stream": marked("record of the stream"),
    "task": marked("task"),
}

ALLOWED: frozenset[tuple[str, str, Form]] = frozenset(
    {
        # delete-batch answers for each id that it was asked about.
        ("id in a body", "reply", "itself"),
        # A deletion's record tells by which filters it was made.
        ("event type", "reply", "itself"),
        ("event type", "table", "itself"),
        # The provider knows this service by it.
        ("provider's key", "provider", "itself"),
        # What a request shows is looked up by its digest.
        ("API key", "table", "its digest"),
        ("revoked API key", "table", "its digest"),
        ("expired API key", "table", "its digest"),
        ("API key without scopes", "table", "its digest"),
        ("auth key", "table", "its digest"),
        ("idempotency key", "table", "its digest"),
        # Signatures and tokens are checked with it.
        ("secret key", "table", "itself"),
        # What it is all about, until it is purged or erased.
        ("payload", "contents", "itself"),
        ("name in a payload", "contents", "itself"),
        # To print contents is what this command is for, and of the console the view of one message.
        ("payload", "dump", "itself"),
        ("name in a payload", "dump", "itself"),
        ("payload", "console: a message", "itself"),
        ("name in a payload", "console: a message", "itself"),
        # Whoever loads a file is told which field is not known. The queue's log is not.
        ("name in a bad line", "load: stderr", "itself"),
        # The table's items as files, in which contents are compressed.
        ("secret key", "files to import", "itself"),
        ("API key", "files to import", "its digest"),
        ("auth key", "files to import", "its digest"),
        # The table as a file of the embedded engine.
        ("secret key", "files of serve", "itself"),
        ("API key", "files of serve", "its digest"),
        ("auth key", "files of serve", "its digest"),
        ("idempotency key", "files of serve", "its digest"),
    }
)
"""What may come out, where, and in which form. A test that looks at a place also wants to see it there."""


@cache
def forms(text: str) -> Mapping[Form, frozenset[str]]:
    """Every way in which a text may be written, and beginnings of its unsalted digests."""
    plain = text.encode()
    return {"itself": frozenset(_written(text, plain)), "its digest": frozenset(_digests(plain))}


def _written(text: str, plain: bytes) -> Iterator[str]:
    in_json = json.dumps(text)[1:-1]
    yield from (text, text[:_BEGINNING], plain.decode("latin-1"), repr(text)[1:-1], repr(plain)[2:-1])
    yield from (in_json, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(in_json)[1:-1])
    yield from (quote(text), quote(text, safe=""), quote_plus(text), plain.hex())
    for before in range(3):
        # Of base64, the characters that are the same whatever bytes stand before and after.
        first, last = -(-before * 8 // 6), (before + len(plain)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(bytes(before) + plain + bytes(3)).decode()[first:last]


def _digests(plain: bytes) -> Iterator[str]:
    for name in ("md5", "sha1", "sha256", "sha512"):
        digest = hashlib.new(name, plain).digest()
        for written in (digest.hex(), b64encode(digest).decode(), urlsafe_b64encode(digest).decode()):
            yield written[:_DIGEST]


@dataclass
class Heard:
    """What came out, by place."""

    texts: dict[str, list[str]] = field(default_factory=dict)

    def at(self, place: str, what: object) -> None:
        """Note what came out: text and bytes as they are, all else as JSON."""
        if isinstance(what, bytes):
            what = what.decode(errors="backslashreplace")
        text = what if isinstance(what, str) else json.dumps(what, default=repr)
        self.texts.setdefault(place, []).append(text)

    def found(self, marks: Marks) -> set[tuple[str, str, Form]]:
        """What came out of what is marked, where, and whether itself or its digest."""
        return {
            (name, place, form)
            for place, texts in self.texts.items()
            for name, mark in marks.items()
            for form, ways in forms(mark).items()
            if any(way in text for text in texts for way in ways)
        }

    def leaks(self, marks: Marks) -> set[tuple[str, str, Form]]:
        """What came out of what is marked, and may not."""
        return self.found(marks) - ALLOWED

    def unheard(self, marks: Marks) -> set[tuple[str, str, Form]]:
        """What may come out where something was heard, and did not: a search may not see it either."""
        return {each for each in ALLOWED if each[1] in self.texts} - self.found(marks)
