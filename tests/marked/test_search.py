"""A mark is found in whatever form it comes out."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import md5, sha1, sha256, sha512
from typing import Any
from urllib.parse import quote

import pytest

from tests.marked.marks import MARKS, Heard


@pytest.mark.parametrize(
    "written",
    [
        str,
        repr,
        json.dumps,
        lambda mark: json.dumps(json.dumps({"deep": mark})),
        lambda mark: mark.encode(),
        lambda mark: quote(mark, safe=""),
        lambda mark: b64encode(f"user:{mark}".encode()),
        lambda mark: b64encode(f"a user:{mark}!".encode()),
        lambda mark: urlsafe_b64encode(f"the user:{mark}~~".encode()),
        lambda mark: mark.encode().hex(),
    ],
)
@pytest.mark.parametrize("name", ["API key", "payload", "bad line"])
def test_a_mark_is_found_however_it_is_written(name: str, written: Callable[[str], Any]) -> None:
    heard = Heard()
    heard.at("log", written(MARKS[name]))

    assert heard.leaks(MARKS) == {(name, "log", "itself")}


@pytest.mark.parametrize("digest", [md5, sha1, sha256, sha512])
def test_the_beginning_of_an_unsalted_digest_is_found(digest: Any) -> None:
    heard = Heard()
    heard.at("log", digest(MARKS["API key"].encode()).hexdigest()[:16])

    assert heard.leaks(MARKS) == {("API key", "log", "its digest")}
