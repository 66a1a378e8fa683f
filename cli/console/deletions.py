"""Deletions as an operator looks at them: those of all accounts and keysets, and what became of each."""

from collections.abc import Sequence
from typing import Any, Final

from cli.deletions import Found, counted, default_setting, find, scanned, told
from cli.dynamodb import soon
from cli.restore import restored
from expunge.deletions.standing import look
from expunge.table.store import Store

_MOST: Final = 200
"""Deletions that are listed."""

_MESSAGES: Final = 1000
"""Messages that are listed of a deletion. A request deletes no more."""


def listed(store: Store) -> dict[str, Any]:
    """Give the newest deletions, without counts. Reads the whole table."""
    newest = sorted(scanned(store), key=lambda found: found.record.order, reverse=True)
    return {"deletions": [told(found) for found in newest[:_MOST]], "all": len(newest) <= _MOST}


def one(store: Store, request_id: str) -> dict[str, Any]:
    """Give one with its counts and what became of each message; those of channel history are only counted.

    Raises ClickException if there is none.
    """
    found = find(store, request_id, None, None)
    answer = {"deletion": counted(store, found, default_setting("RETENTION_DAYS"))}
    return answer if found.sub_key is not None else answer | {"messages": _messages(store, found)}


def restore(store: Store, request_id: str, ids: Sequence[str]) -> dict[str, Any]:
    """Make its messages live again, or some of them. Raises ClickException."""
    found = find(store, request_id, None, None)
    return {"restored": restored(store, found, ids, default_setting("RETENTION_DAYS"))}


def _messages(store: Store, found: Found) -> list[dict[str, Any]]:
    standings = look(store, found.record, soon())[:_MESSAGES]
    return [
        {"id": each.id, "state": each.state} | ({"deleted_at": each.deleted_at} if each.deleted_at else {})
        for each in standings
    ]
