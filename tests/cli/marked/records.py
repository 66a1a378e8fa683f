"""Records that are marked in all that is secret or content, and lines that are none, marked in all ways."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.marked.marks import MARKS
from tests.world import ACCOUNT, INBOUND, LINKED, OUTBOUND, PULL, SUB_KEY, at, message_id

CONTENT = {MARKS["name in a payload"]: [MARKS["payload"]]}
OWNED = {"account_id": ACCOUNT}
GOOD: list[dict[str, Any]] = [
    {"kind": "api_key", "key": MARKS["API key"], **OWNED},
    {"kind": "inbound_endpoint", "id": INBOUND, **OWNED},
    {"kind": "pull_endpoint", "id": PULL, **OWNED},
    {"kind": "outbound_endpoint", "id": OUTBOUND, **OWNED},
    {"kind": "linked_account", "id": "la_1", "provider": "WHATSAPP", **OWNED},
    {
        "kind": "keyset",
        "sub_key": SUB_KEY,
        "pub_key": "pub-c-1",
        "secret_key": MARKS["secret key"],
        "access_manager": True,
        "delete_from_history": True,
    },
    {
        "kind": "auth_grant",
        "sub_key": SUB_KEY,
        "auth_key": MARKS["auth key"],
        "channels": ["ch"],
        "permissions": ["delete"],
    },
]
MESSAGES: list[dict[str, Any]] = [
    {
        "kind": "inbound_message",
        "id": message_id(1),
        "inbound_endpoint_id": INBOUND,
        "status": "succeeded",
        "received_at": at(1),
        **OWNED,
    },
    {
        "kind": "pull_event",
        "id": message_id(2),
        "pull_endpoint_id": PULL,
        "event_type": "a",
        "status": "stored",
        "received_at": at(2),
        **OWNED,
    },
    {
        "kind": "outbound_message",
        "id": message_id(3),
        "endpoint_id": OUTBOUND,
        "status": "succeeded",
        "created_at": at(3),
        **OWNED,
    },
    {
        "kind": "linked_message",
        "id": LINKED,
        "linked_account_id": "la_1",
        "provider_message_id": "wamid.1",
        "sent_at": at(4),
        **OWNED,
    },
    {"kind": "channel_message", "sub_key": SUB_KEY, "channel": "ch", "timetoken": "7"},
]
RECORDS = [*GOOD, *(message | {"payload": CONTENT} for message in MESSAGES)]

BAD, NAME = MARKS["bad line"], MARKS["name in a bad line"]
FREE = ("event_type", "channel")
"""Fields that any text may be in."""
BAD_LINES = [
    *(
        json.dumps(record | {field: {"x": BAD}})
        for record in RECORDS
        for field in record
        if field != "payload"
    ),
    *(json.dumps(each | {field: BAD}) for each in MESSAGES for field in each if field not in FREE),
    *(json.dumps(record | {NAME: BAD}) for record in RECORDS),
    *(json.dumps(message | {"payload": CONTENT, "content_url": BAD}) for message in MESSAGES),
    json.dumps([BAD]),
    json.dumps({"secret_key": BAD}),
    f'{{"key": "{BAD}',
    BAD,
]

REQUEST = "req_1"
"""In the place of a deletion's id."""
COMMANDS: list[tuple[str, ...]] = [
    ("dump",),
    ("dump", "--format", "table"),
    ("dump", "--settings"),
    ("check", "--mend"),
    ("deletions",),
    ("deletions", "--account", ACCOUNT),
    ("deletions", REQUEST),
    ("restore", REQUEST),
    ("hold", "place", "--account", ACCOUNT, "--reason", "a trial"),
    ("hold", "list"),
    ("hold", "release", "hold_1"),
    ("purge",),
    ("purge", "--dry-run"),
    ("purge", "--now", "2999-01-01T00:00:00Z", "--force"),
    ("purge", "pause"),
    ("purge", "resume"),
    ("purge", "status"),
    ("purge", "history"),
    ("key", "create", "--account", ACCOUNT),
    ("key", "list"),
    ("key", "revoke", MARKS["API key"]),
    ("token", "--sub-key", SUB_KEY, "--channel", "ch", "--permission", "delete", "--ttl", "5"),
]
"""Every command that reads or writes the table, but for loading."""


def file_of(folder: Path, lines: Sequence[str]) -> str:
    path = folder / "records.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def bearer(name: str = "API key") -> dict[str, str]:
    return {"authorization": f"Bearer {MARKS[name]}"}
