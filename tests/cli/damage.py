"""What writers do to a table, with and without keeping to its rules, and what a check tells of it."""

import zlib
from typing import Any

from expunge.deadline import Deadline
from expunge.deletions.soft_delete import Deletion, Target, soft_delete
from expunge.table import keys
from expunge.table.store import key
from tests.world import ACCOUNT, World, message_id

DELETED_AT = "2026-04-02T00:00:00.000Z"
PURGE_AT = "2026-05-02T00:00:00.000Z"
DELETION = {
    "deleted_at": DELETED_AT,
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": PURGE_AT,
}
BIN = keys.bin_shard
Line = dict[str, Any]


def pk(number: int) -> str:
    return keys.message("INBOUND", ACCOUNT, message_id(number))


def change(world: World, pk: str, expression: str, **values: str) -> None:
    """What a writer does who keeps to no rules."""
    placeholders: Any = {
        "ExpressionAttributeNames": {
            f"#{name}": name for name in ("status", "kind") if f"#{name}" in expression
        },
        "ExpressionAttributeValues": {f":{name}": {"S": text} for name, text in values.items()},
    }
    world.store.client.update_item(
        TableName=world.store.table,
        Key=key(pk, keys.MESSAGE),
        UpdateExpression=expression,
        **{name: given for name, given in placeholders.items() if given},
    )


def put(world: World, pk: str, sk: str, **attributes: Any) -> None:
    world.store.client.put_item(TableName=world.store.table, Item=key(pk, sk) | attributes)


def content(text: bytes = b"1") -> dict[str, Any]:
    return {"payload": {"B": zlib.compress(text)}}


def remove(world: World, pk: str, sk: str) -> None:
    world.store.client.delete_item(TableName=world.store.table, Key=key(pk, sk))


def everything(world: World) -> list[Any]:
    items: list[Any] = world.store.client.scan(TableName=world.store.table)["Items"]
    return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def wrong(pk: str, sk: str, what: str, *, mended: bool) -> Line:
    return {"pk": pk, "sk": sk, "wrong": what, "mended": mended}


def delete(world: World) -> None:
    deletion = Deletion("req_2", "key_2", DELETED_AT, PURGE_AT)
    assert soft_delete(world.store, [Target(deletion, pk(1))], Deadline.never()) is None
