"""Records, files of them, and what the table holds when these are loaded."""

import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cli.load import LoadResult, load_files
from expunge.table import keys
from tests.world import World

ENDPOINT = "01961e00-0000-7000-8000-000000000001"
KEYSET: dict[str, Any] = {
    "kind": "keyset",
    "sub_key": "sub-c-1",
    "pub_key": "pub-c-1",
    "secret_key": "sec-c-1",
    "access_manager": True,
    "delete_from_history": True,
}
DELETION = {
    "deleted_at": "2026-05-01T00:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2026-05-31T00:00:00.000Z",
}
AWS = ("--dynamodb-url", "aws")
Record = dict[str, Any]
Files = Callable[..., Path]


def identity(n: int) -> str:
    return f"01961e00-0000-7000-8000-{n:012}"


def inbound(n: int, **fields: Any) -> Record:
    return {
        "kind": "inbound_message",
        "account_id": "acc_1",
        "id": identity(n),
        "inbound_endpoint_id": ENDPOINT,
        "status": "queued",
        "received_at": "2026-04-05T16:23:11.5+02:00",
    } | fields


def pull(n: int, **fields: Any) -> Record:
    return {
        "kind": "pull_event",
        "account_id": "acc_1",
        "id": identity(n),
        "pull_endpoint_id": ENDPOINT,
        "event_type": "order.created",
        "status": "stored",
        "received_at": "2026-04-05T14:23:11Z",
    } | fields


def pk(n: int) -> str:
    return keys.message("INBOUND", "acc_1", identity(n))


def load(world: World, *paths: Path) -> LoadResult:
    return load_files(world.store.client, world.store.table, paths)


def counts(result: LoadResult) -> tuple[Mapping[str, int], int, int]:
    return result.kinds, result.kept, result.revoked


def table(world: World) -> dict[tuple[str, str], Record]:
    """All that the table holds, by key, texts as they are and contents as the JSON they are."""
    items: Any = world.store.client.scan(TableName=world.store.table)["Items"]
    plain = [{name: next(iter(value.values())) for name, value in item.items()} for item in items]
    for item in plain:
        if "payload" in item:
            item["payload"] = json.loads(zlib.decompress(item["payload"]))
    return {(item.pop("pk"), item.pop("sk")): item for item in plain}


def soft_delete(world: World, n: int) -> None:
    world.store.client.update_item(
        TableName=world.store.table,
        Key={"pk": {"S": pk(n)}, "sk": {"S": keys.MESSAGE}},
        UpdateExpression="SET deleted_at = :now",
        ExpressionAttributeValues={":now": {"S": "2026-05-01T00:00:00.000Z"}},
    )
