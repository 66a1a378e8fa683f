"""Records that are stored, and what the table holds then."""

import json
from typing import Any

from expunge.deadline import Deadline
from expunge.table.records import parse
from expunge.table.storing import Outcome, Storing, store_all
from tests.world import INBOUND, LINKED, World, at, message_id


def inbound(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "inbound_message",
        "account_id": "acc_1",
        "id": message_id(number),
        "inbound_endpoint_id": INBOUND,
        "status": "queued",
        "received_at": at(number),
    } | fields


def linked(**fields: Any) -> dict[str, Any]:
    return {
        "kind": "linked_message",
        "account_id": "acc_1",
        "id": LINKED,
        "linked_account_id": "la_1",
        "provider_message_id": "wamid.1",
        "sent_at": at(0),
    } | fields


def channel(timetoken: int, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "channel_message",
        "sub_key": "sub-c-1",
        "channel": "ch1",
        "timetoken": str(timetoken),
    } | fields


def storing(*records: dict[str, Any]) -> list[Storing]:
    return [Storing.of(parse(json.dumps(record).encode())) for record in records]


def put(world: World, *records: dict[str, Any]) -> list[Outcome]:
    rows = storing(*records)
    store_all(world.store, rows, Deadline.never())
    return [row.outcome for row in rows]


def table(world: World) -> list[Any]:
    items: Any = world.store.client.scan(TableName=world.store.table)["Items"]
    return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))
