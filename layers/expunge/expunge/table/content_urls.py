"""Addresses of content that is an object in S3 instead of an item of the table: `s3://bucket/key`.

A key is opaque: nothing in it is decoded or normalised, so that `%2F` and `..` are characters like all
others, and two different keys never name the same object.
"""

import re
from typing import Final

LONGEST_KEY: Final = 1024
"""Bytes of UTF-8; S3's own limit."""

# No control characters: S3 takes them, but the XML in which objects are listed and deleted cannot hold them.
_URL: Final = (
    r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([ -~\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+)"
)


def parts(url: str) -> tuple[str, str] | None:
    """Bucket and key of `s3://bucket/key`; None if it is no such address."""
    # Compiled here, not when the module is imported: that takes 6 ms, which most cold starts can do without.
    match = re.fullmatch(_URL, url)
    if match is None or len(match[2].encode()) > LONGEST_KEY:
        return None
    return match[1], match[2]


def key_in(bucket: str, url: str) -> str | None:
    """Give the key of an object in that bucket; None for any other address."""
    found = parts(url)
    return found[1] if found is not None and found[0] == bucket else None
