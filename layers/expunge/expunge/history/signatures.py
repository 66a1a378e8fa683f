"""Request signatures, version 2, as PubNub's SDKs make them.

What was signed is rebuilt from what the gateway hands over: a decoded path, and the query as it was sent. How
the client wrote the path is lost, so the signature is compared with all ways in which SDKs write it; how it
wrote a blank or a plus sign in the query likewise.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from itertools import product
from urllib.parse import quote, unquote, unquote_to_bytes

# Left as they are by some SDKs, encoded by others; each SDK treats all occurrences alike.
_EITHER_WAY = {char: f"%{ord(char):02X}" for char in ",~*!'():@$"}

# No SDK sends a body with DELETE, and hashing a large one for every way of writing the path takes long.
_LONGEST_BODY = 1024


def sign(secret_key: str, message: bytes) -> str:
    """Sign what `message` gives."""
    digest = hmac.digest(secret_key.encode(), message, "sha256")
    return "v2." + urlsafe_b64encode(digest).decode().rstrip("=")


def message(method: str, publish_key: str, path: str, query: str, body: bytes = b"") -> bytes:
    """Put together what is signed of a request; path and query are encoded."""
    return f"{method}\n{publish_key}\n{path}\n{query}\n".encode() + body


def paths(sub_key: str, channels: str) -> Iterator[str]:
    """Every way in which SDKs write the path of channels, which the gateway decoded."""
    encoded = quote(channels, safe="").replace("~", "%7E")
    occurring = [char for char in _EITHER_WAY if char in channels]
    for left in product((False, True), repeat=len(occurring)):
        segment = encoded
        for char, as_it_is in zip(occurring, left, strict=True):
            if as_it_is:
                segment = segment.replace(_EITHER_WAY[char], char)
        yield f"/v3/history/sub-key/{sub_key}/channel/{segment}"


def queries(raw: str) -> set[str]:
    """Every way in which SDKs write a query that was sent like this: sorted, encoded, without `signature`.

    A plus sign that was sent bare may have been signed as such or as a blank. A repeated parameter may have
    been signed in the order sent or in order of its values.
    """
    written = set()
    for plus in ("%20", "%2B"):
        pairs = [pair.partition("=")[::2] for pair in raw.replace("+", plus).split("&") if pair]
        decoded = [(unquote(name), _encode(value)) for name, value in pairs if unquote(name) != "signature"]
        for ordered in (sorted(decoded, key=lambda pair: pair[0]), sorted(decoded)):
            written.add("&".join(f"{name}={value}" for name, value in ordered))
    return written


def _encode(value: str) -> str:
    return quote(unquote_to_bytes(value), safe="").replace("~", "%7E")


def messages(publish_key: str, sub_key: str, channels: str, query: str, body: bytes = b"") -> Iterator[bytes]:
    """All that a client may have signed of a DELETE request which arrived like this."""
    if len(body) <= _LONGEST_BODY:
        for path, written in product(paths(sub_key, channels), queries(query)):
            yield message("DELETE", publish_key, path, written, body)


def matches(given: str, secret_key: str, signed: Iterable[bytes]) -> bool:
    """Whether `given` signs one of these. Tells by its time neither which nor how nearly."""
    presented = given.encode(errors="surrogatepass")
    right = False
    for each in signed:
        right |= hmac.compare_digest(presented, sign(secret_key, each).encode())
    return right
