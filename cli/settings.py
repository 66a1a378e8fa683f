"""What is in the table beside messages, as records: endpoints, linked accounts, keysets and API keys."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cli.dynamodb import soon
from expunge.table import keys
from expunge.table.items import Item
from expunge.table.records import Message
from expunge.table.store import Store

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OWNED: Final[Mapping[str, str]] = {
    "inbound_endpoint": keys.INBOUND_ENDPOINT,
    "pull_endpoint": keys.PULL_ENDPOINT,
    "outbound_endpoint": keys.OUTBOUND_ENDPOINT,
    "linked_account": keys.LINKED_ACCOUNT,
}
"""Kinds of what accounts have, and what the sort key of each begins with."""

OWNER: Final[Mapping[str, tuple[str, str]]] = {
    "inbound_message": ("inbound_endpoint", "inbound_endpoint_id"),
    "pull_event": ("pull_endpoint", "pull_endpoint_id"),
    "outbound_message": ("outbound_endpoint", "endpoint_id"),
    "linked_message": ("linked_account", "linked_account_id"),
    "channel_message": ("keyset", "sub_key"),
}
"""For each kind of message the kind of what it belongs to, and the field that names that."""


class Place(NamedTuple):
    """Where a setting is, by the keys of its item, and what to call it."""

    pk: str
    sk: str
    name: str


def owner(message: Message) -> Place:
    """The endpoint, linked account or keyset that a message belongs to."""
    kind, field = OWNER[message.kind]
    name = getattr(message, field)
    if kind == "keyset":
        return Place(keys.keyset(name), keys.KEYSET, f"keyset {name}")
    account_id = getattr(message, "account_id")  # noqa: B009 - every kind but channel messages has it
    return Place(keys.account(account_id), OWNED[kind] + name, f"{kind} {name} of {account_id}")


def lacking(store: Store, owners: Iterable[Place]) -> Iterator[Place]:
    """Those that are not in the table. Raises StoreError."""
    wanted = list(owners)
    for some in (wanted[at : at + _BATCH] for at in range(0, len(wanted), _BATCH)):
        found = store.get_batch([(place.pk, place.sk) for place in some], soon(), "pk, sk")
        there = {(item["pk"]["S"], item["sk"]["S"]) for item in found}
        yield from (place for place in some if (place.pk, place.sk) not in there)


def records(client: "DynamoDBClient", table: str) -> Iterator[dict[str, Any] | None]:
    """Every setting in the import format, secrets withheld; None for a grant, whose auth key nobody knows.

    A revoked API key is not among them.
    """
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        ConsistentRead=True,
        FilterExpression=" OR ".join(f"begins_with(pk, :{number})" for number in range(len(_PARTITIONS))),
        ExpressionAttributeValues={f":{number}": {"S": pk} for number, pk in enumerate(_PARTITIONS)},
    )
    for page in pages:
        for item in page["Items"]:
            if item["sk"]["S"].startswith(keys.GRANT):
                yield None
            elif "revoked_at" not in item:
                yield from _record(item)


_PARTITIONS: Final = (keys.account(""), keys.api_key(""), keys.keyset(""))

_BATCH: Final = 100
"""Items that BatchGetItem takes."""


def _record(item: Item) -> Iterator[dict[str, Any]]:
    sk = item["sk"]["S"]
    if sk == keys.API_KEY:
        yield (
            {"kind": "api_key"} | _texts(item, "key_id", "label", "account_id", "expires_at") | _scopes(item)
        )
    elif sk == keys.KEYSET:
        switches = {name: item[name]["BOOL"] for name in ("access_manager", "delete_from_history")}
        yield (
            {"kind": "keyset", "sub_key": item["pk"]["S"].removeprefix(keys.keyset(""))}
            | _texts(item, "pub_key")
            | switches
        )
    for kind, prefix in OWNED.items():
        if sk.startswith(prefix):
            ids = {
                "account_id": item["pk"]["S"].removeprefix(keys.account("")),
                "id": sk.removeprefix(prefix),
            }
            state = {"state": item["link_state"]["S"]} if "link_state" in item else {}
            yield {"kind": kind} | ids | _texts(item, "name", "provider") | state


def _texts(item: Item, *names: str) -> dict[str, str]:
    return {name: item[name]["S"] for name in names if name in item}


def _scopes(item: Item) -> dict[str, list[str]]:
    return {"scopes": [scope["S"] for scope in item["scopes"]["L"]]} if "scopes" in item else {}
