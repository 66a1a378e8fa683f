"""Request signatures, version 2, as PubNub's SDKs make them.

https://www.pubnub.com/docs/sdks/rest-api/access-manager-introduction describes what is signed: method,
publish key, path, query and body. The query is written anew from the parameters that the service acts on, so
a signature never covers anything else. The path is written anew as well, because API Gateway hands over a
decoded one. SDKs encode it differently, so the signature is compared with each form that one of them writes.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

# What SDKs leave unencoded in a channel's name, beside letters, digits, "-", "_" and ".". With each of these,
# the commas between names may be encoded or not.
_UNENCODED = (
    "",  # JavaScript, C#
    "~",  # Python, Go
    "*",  # form encoding: Ruby, Java
    "!'()*",  # RFC 2396 without "~"
    "!'()*~",  # encodeURIComponent() and its likes: Dart
    ":@$",
    ":@$&+=~",  # Go's url.PathEscape
    "!'()*~:@$",
    "!'()*~:@$&+=;",  # all that a path may hold: Kotlin, Swift
)

# No SDK sends a body with DELETE, and a large one would have to be hashed for every form of the path.
_LONGEST_BODY = 1024


def sign(secret_key: str, message: bytes) -> str:
    """Write the signature of a message that `message` has put together."""
    digest = hmac.digest(secret_key.encode(), message, "sha256")
    return "v2." + urlsafe_b64encode(digest).decode().rstrip("=")


def message(method: str, publish_key: str, path: str, query: str, body: bytes = b"") -> bytes:
    """Put together what is signed of a request; path and query are encoded."""
    return f"{method}\n{publish_key}\n{path}\n{query}\n".encode() + body


def query(parameters: Mapping[str, str]) -> str:
    """Write parameters as SDKs sign them: without the signature, sorted by name, values encoded."""
    return "&".join(
        f"{name}={_encode(value)}" for name, value in sorted(parameters.items()) if name != "signature"
    )


def paths(sub_key: str, channels: str) -> list[str]:
    """Write the path of these channels in every form that an SDK gives it: up to 18, each once."""
    # Character by character, because many of these sets begin alike: what is built for one serves the next.
    built = {"": _encode(channels)}
    segments = []
    for unencoded in _UNENCODED:
        for end in range(1, len(unencoded) + 1):
            mark = unencoded[end - 1]
            if unencoded[:end] not in built:
                built[unencoded[:end]] = built[unencoded[: end - 1]].replace(_encode(mark), mark)
        segments += [built[unencoded], built[unencoded].replace("%2C", ",")]
    return [f"/v3/history/sub-key/{sub_key}/channel/{segment}" for segment in dict.fromkeys(segments)]


def messages(
    publish_key: str, sub_key: str, channels: str, parameters: Mapping[str, str], body: bytes = b""
) -> Iterator[bytes]:
    """Give each message that a client may have signed for a DELETE request that arrived like this.

    `channels` is the last part of the path, decoded. For a body of more than 1,024 bytes there is none.
    """
    if len(body) <= _LONGEST_BODY:
        written = query(parameters)
        for path in paths(sub_key, channels):
            yield message("DELETE", publish_key, path, written, body)


def matches(given: str, secret_key: str, signed: Iterable[bytes]) -> bool:
    """Whether `given` is the signature of one of these messages.

    All of them are compared, each in constant time. So the time that this takes does not tell which one
    matched, nor how much of a wrong signature was right.
    """
    presented = given.encode()
    right = False
    for each in signed:
        right |= hmac.compare_digest(presented, sign(secret_key, each).encode())
    return right


def _encode(text: str) -> str:
    return quote(text, safe="").replace("~", "%7E")
