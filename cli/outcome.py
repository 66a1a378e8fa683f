"""What a request did, in a few words for the log: how many messages, and the id by which to look for it."""

import json
import re
from typing import Any, Final

from cli.events import Response

_LONGEST: Final = 1024 * 1024
"""Bytes of a reply that are looked into."""

_REQUEST_ID: Final = re.compile(r"req_[A-Za-z0-9_-]{1,128}")

_CODE: Final = re.compile(r"[A-Z_]{1,64}")


def outcome(method: str, response: Response) -> str:
    """Say what a reply reports, each word after a blank: counts, what cut it short, its id; nothing else."""
    request_id = dict(response.headers).get("x-request-id", "")
    body = None if method == "GET" else _read(response.body)
    words = [*_counted(body), *_cut_short(body)]
    if _REQUEST_ID.fullmatch(request_id):
        words.append(request_id)
    return "".join(f" {word}" for word in words)


def _read(body: bytes) -> Any:
    try:
        return json.loads(body) if len(body) <= _LONGEST else None
    except (ValueError, RecursionError):
        return None


def _counted(body: Any) -> list[str]:
    match body:
        case {"object": "MessageDeleted"}:
            return ["1 deleted"]
        case {"data": {"already_deleted": bool(already)}}:
            return [f"{int(not already)} deleted"]
        case {"data": {"deleted": int(count)} | {"deleted_count": int(count)}}:
            return [f"{count} deleted"]
        case {"data": {"matched": int(count)}}:
            return [f"{count} matched"]
        case {"data": {"restored": int(count)}}:
            return [f"{count} restored"]
    return []


def _cut_short(body: Any) -> list[str]:
    """The code of the error in a reply that is 200 because something was done, or may have been."""
    match body:
        case {"data": dict(), "error": {"code": str(code)}} if _CODE.fullmatch(code):
            return [code]
    return []
