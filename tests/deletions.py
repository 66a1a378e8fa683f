"""Deletions as a client sees them, and what may happen to them."""

from typing import Any

import pytest

from expunge.table import keys
from expunge.table.store import store
from get_deletion import handler as get_deletion
from list_deletion_messages import handler as list_messages
from restore_deletion import handler as restore
from tests.failing import raising
from tests.world import ACCOUNT, KEY, Handler, Reply, World, call

NONE = {"deleted": 0, "restored": 0, "purged": 0, "in_doubt": 0}


def look(reply: Reply | str, key: str = "hb_live_1") -> Reply:
    request_id = reply if isinstance(reply, str) else reply.headers["x-request-id"]
    return call(get_deletion, path={"request_id": request_id}, headers={"authorization": f"Bearer {key}"})


def ask(handler: Handler, key: str = "order-17", **arguments: Any) -> Reply:
    """Make a request with that Idempotency-Key."""
    headers = {"authorization": f"Bearer {KEY}", "idempotency-key": key}
    return call(handler, headers=headers, **arguments)


def states(reply: Reply, **query: str) -> list[dict[str, str]]:
    path = {"request_id": reply.headers["x-request-id"]}
    messages: list[dict[str, str]] = call(list_messages, path=path, query=query).data["messages"]
    return messages


def restored(reply: Reply, body: Any = None, **arguments: Any) -> Reply:
    return call(restore, path={"request_id": reply.headers["x-request-id"]}, body=body, **arguments)


def purged(world: World, *ids: str) -> None:
    for each in ids:
        for sk in (keys.MESSAGE, keys.CONTENT):
            key = {"pk": {"S": keys.message("INBOUND", ACCOUNT, each)}, "sk": {"S": sk}}
            world.store.client.delete_item(TableName="expunge", Key=key)


def stop_before(monkeypatch: pytest.MonkeyPatch, operation: str, error: BaseException) -> None:
    monkeypatch.setattr(store().client, operation, raising(error))
