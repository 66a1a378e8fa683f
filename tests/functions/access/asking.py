"""Requests to delete from history, what they show for it, and how they are refused."""

from typing import Any

from delete_channel_history import handler
from expunge import timestamps
from expunge.history import signatures, tokens
from tests.world import SECRET_KEY, SUB_KEY, Reply, call

FORBIDDEN = "Forbidden"


def delete(channels: str = "ch1", query: Any = "", **how: Any) -> Reply:
    return call(handler, path={"sub_key": SUB_KEY, "channels": channels}, query=query, **how)


def denied(status: int, message: str, *channels: str) -> tuple[int, dict[str, Any]]:
    """What a refusal of the Access Manager looks like."""
    body = {
        "status": status,
        "error": True,
        "error_message": message,
        "message": message,
        "service": "Access Manager",
    }
    return status, body | ({"payload": {"channels": list(channels)}} if channels else {})


def answer(reply: Reply) -> tuple[int, dict[str, Any]]:
    return reply.status, reply.body


def signed(path: str, query: str, body: bytes = b"", secret_key: str = SECRET_KEY) -> str:
    """A query with the signature of a DELETE request; `query` is sorted and encoded already."""
    path = f"/v3/history/sub-key/{SUB_KEY}/channel/{path}"
    message = signatures.message("DELETE", "pub-c-1", path, query, body)
    return f"{query}&signature={signatures.sign(secret_key, message)}"


def token(*channels: str, secret_key: str = SECRET_KEY, **fields: Any) -> str:
    content = {
        b"v": 2,
        b"t": now(),
        b"ttl": 1,
        b"res": {b"chan": {channel.encode(): 8 for channel in channels}},
        b"pat": {},
        b"meta": {},
    }
    changed = {name.encode(): value for name, value in fields.items()}
    return tokens.issue(content | changed, secret_key)


def now() -> int:
    return int(timestamps.now().timestamp())
