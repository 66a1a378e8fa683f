"""Records as DynamoDB items, and for each kind the writes that belong in one transaction.

A message is written by an update, not by a put, so that what the service has noted on it stays: who restored
it, or which request is deleting it at this moment. No write makes a deleted message live again, and none with
an older version changes anything. Content is written only together with its message.

Content is stored compressed: DynamoDB charges for its size when it is written, while it is stored and when it
is purged, and JSON shrinks to a fifth or so.
"""

import zlib
from collections.abc import Sequence
from functools import cache, singledispatch
from hashlib import sha256
from typing import Any, Final

from expunge import timestamps, timetokens
from expunge.table import keys, living
from expunge.table.flags import NOT_DELETED, flags
from expunge.table.records import (
    MESSAGE_KINDS,
    ApiKey,
    AuthGrant,
    ChannelMessage,
    InboundEndpoint,
    InboundMessage,
    Keyset,
    LinkedAccount,
    LinkedMessage,
    Message,
    OutboundEndpoint,
    OutboundMessage,
    PullEndpoint,
    PullEvent,
    Record,
)

Item = dict[str, Any]
Write = dict[str, Any]
"""An element of ``TransactItems`` that lacks its ``TableName``."""

COMPRESSION: Final = 3
"""Level of zlib. On GitHub's webhooks, levels 1, 3 and 6 take 10, 10 and 17 ms a megabyte, and leave 18, 17
and 16 % of the size."""

ENDPOINT: Final = {"inbound_endpoint_id": "endpoint_id", "pull_endpoint_id": "endpoint_id"}
"""Field of a record to the attribute that holds it, where these differ: one name lets families share code."""

_NOT_REVOKED: Final = "attribute_not_exists(revoked_at)"

NO_VERSION: Final = "attribute_not_exists(version)"
"""Condition of a write that brings no version: the stored message has none either."""
NEWER: Final = f"({NO_VERSION} OR version < :version)"
"""Condition of a write that brings one, `:version`: the stored message has none, or a lower one."""


def writes(record: Record) -> list[Write]:
    """Turn a record into writes that are committed together or, where a condition fails, not at all.

    There are none for a record that lacks its secret (`Record.withheld`).
    """
    return writes_of(record.kind, items(record))


def writes_of(kind: str, stored: Sequence[Item]) -> list[Write]:
    """Do the same for a record of that kind, given the items that `items` has made of it."""
    if kind in MESSAGE_KINDS:
        return _of_message(*stored)
    if kind == "api_key":
        return [_of_api_key(item) for item in stored]
    condition = _NOT_REVOKED if kind == "auth_grant" else None
    return [_put(item, condition) for item in stored]


def inserts(metadata: Item, content: Item | None = None) -> list[Write]:
    """Give the writes of a message that is not in the table yet. If it is there, their condition fails.

    They do the same as those of `writes`, and DynamoDB has less to do for them.
    """
    return [_put(metadata, "attribute_not_exists(pk)"), _of_content(metadata, content)]


@singledispatch
def items(record: Record) -> list[Item]:
    """Turn a record into items, as a table without it gets them; none if the record lacks its secret.

    A message's metadata comes first. Its content, if it has any, comes second.
    """
    raise TypeError(f"no items are known for {type(record).__name__}")


@items.register
def _api_key(record: ApiKey) -> list[Item]:
    if record.withheld:
        return []
    item = _item(
        keys.api_key(sha256(record.key.encode()).hexdigest()),
        keys.API_KEY,
        account_id=record.account_id,
        key_id=key_id(record.key),
        label=record.label,
        expires_at=record.expires_at and timestamps.micros(timestamps.parse(record.expires_at)),
        state_pk=keys.API_KEYS,
        group_pk=keys.account_keys(record.account_id),
        state_sk=key_id(record.key),
        created_at=timestamps.millis(timestamps.now()),
    )
    if record.scopes is not None:
        item["scopes"] = {"L": [{"S": scope} for scope in record.scopes]}
    return [item]


@items.register
def _inbound_endpoint(record: InboundEndpoint) -> list[Item]:
    return [_item(keys.account(record.account_id), keys.INBOUND_ENDPOINT + record.id, name=record.name)]


@items.register
def _pull_endpoint(record: PullEndpoint) -> list[Item]:
    return [_item(keys.account(record.account_id), keys.PULL_ENDPOINT + record.id, name=record.name)]


@items.register
def _inbound_message(record: InboundMessage) -> list[Item]:
    return _message(record, keys.message("INBOUND", record.account_id, record.id))


@items.register
def _pull_event(record: PullEvent) -> list[Item]:
    return _message(record, keys.pull_event(record.account_id, record.pull_endpoint_id, record.id))


@items.register
def _outbound_endpoint(record: OutboundEndpoint) -> list[Item]:
    return [_item(keys.account(record.account_id), keys.OUTBOUND_ENDPOINT + record.id, name=record.name)]


@items.register
def _outbound_message(record: OutboundMessage) -> list[Item]:
    return _message(record, keys.message("OUTBOUND", record.account_id, record.id))


@items.register
def _linked_account(record: LinkedAccount) -> list[Item]:
    sk = keys.LINKED_ACCOUNT + record.id
    # Not "state": DynamoDB reserves that word, and no projection may name it.
    return [_item(keys.account(record.account_id), sk, provider=record.provider, link_state=record.state)]


@items.register
def _linked_message(record: LinkedMessage) -> list[Item]:
    pk = keys.linked_message(record.account_id, record.id)
    if not record.deleted_at:
        return _message(record, pk)
    # Messages of linked accounts are deleted for good, and their content with them.
    metadata, *_ = _message(record, pk)
    return [metadata | {"erased_at": metadata["deleted_at"]}]


@items.register
def _keyset(record: Keyset) -> list[Item]:
    if record.withheld:
        return []
    names = {"pub_key": record.pub_key, "secret_key": record.secret_key}
    item = _item(keys.keyset(record.sub_key), keys.KEYSET, **names)
    switches = {"access_manager": record.access_manager, "delete_from_history": record.delete_from_history}
    return [item | {name: {"BOOL": on} for name, on in switches.items()}]


@items.register
def _auth_grant(record: AuthGrant) -> list[Item]:
    digest = sha256(record.auth_key.encode()).hexdigest()
    expires_at = record.expires_at and timestamps.micros(timestamps.parse(record.expires_at))
    # Not "permissions", which DynamoDB reserves as well.
    granted = {"granted": {"L": [{"S": name} for name in record.permissions]}}
    pk, sks = (
        keys.keyset(record.sub_key),
        [keys.grant(digest, name) for name in dict.fromkeys(record.channels)],
    )
    return [_item(pk, sk, expires_at=expires_at) | granted for sk in sks]


@items.register
def _channel_message(record: ChannelMessage) -> list[Item]:
    timetoken = timetokens.order(timetokens.parse(record.timetoken))
    metadata, *content = _message(record, keys.channel_message(record.sub_key, record.channel, timetoken))
    # By this, a deletion that is still under way spares what was stored after its request.
    return [metadata | {"stored_at": {"S": timestamps.micros(timestamps.now())}}, *content]


def key_id(key: str) -> str:
    """Make the id of an API key, which tells neither the key nor where it is in the table."""
    return "key_" + sha256(b"expunge key id\0" + key.encode()).hexdigest()[:20]


def _message(record: Message, pk: str) -> list[Item]:
    own = {ENDPOINT.get(field, field): getattr(record, field) for field in record.own_fields()}
    index = _deletion(record, pk) if record.deleted_at else living.place(own)
    metadata = _item(pk, keys.MESSAGE, **own, **_restoration(record), **index)
    if record.version is not None:
        metadata["version"] = {"N": str(record.version)}
    if record.content_url:
        metadata["content_url"] = {"S": record.content_url}
    if record.payload is None:
        return [metadata]
    payload = {"B": zlib.compress(record.payload, COMPRESSION)}
    return [metadata, _item(pk, keys.CONTENT) | {"payload": payload}]


def _of_message(metadata: Item, content: Item | None = None) -> list[Write]:
    """Give the writes of a message. If it has no content, they delete that of the one it replaces."""
    condition = NEWER if "version" in metadata else NO_VERSION
    gone = [name for name in _NOT_IN_ALL if name not in metadata]
    update = _update(metadata, f"{NOT_DELETED} AND {condition}", first="stored_at", gone=gone)
    return [update, _of_content(metadata, content)]


def _of_content(metadata: Item, content: Item | None) -> Write:
    if content is None:
        return {"Delete": {"Key": _key(metadata) | {"sk": {"S": keys.CONTENT}}}}
    return _put(content)


_NOT_IN_ALL: Final = ("group_pk", "content_url")
"""Attributes that the message which is replaced may have and its new record may lack."""
_NOT_IN_ALL_KEYS: Final = ("label", "expires_at", "scopes")


def stored_over(before: Item, item: Item) -> Item | None:
    """What the table holds after `item` was stored where `before` was; None if that changes nothing.

    `item` is the first item of a record. This does in Python what the update of `writes` does in DynamoDB.
    """
    sk = item["sk"]["S"]
    if sk == keys.API_KEY:
        gone, first = [*_NOT_IN_ALL_KEYS], "created_at"
    elif sk == keys.MESSAGE:
        gone, first = [*_NOT_IN_ALL], "stored_at"
        if "deleted_at" in before or not _newer(before, item):
            return None
    else:
        return item
    kept = {name: value for name, value in before.items() if name not in gone}
    return kept | item | ({first: before[first]} if first in before else {})


def _newer(before: Item, item: Item) -> bool:
    if "version" not in before:
        return True
    return "version" in item and int(item["version"]["N"]) > int(before["version"]["N"])


def _of_api_key(item: Item) -> Write:
    """Give an update, because only the table knows when the key was made and last used."""
    gone = [name for name in _NOT_IN_ALL_KEYS if name not in item]
    return _update(item, _NOT_REVOKED, first="created_at", gone=gone)


def _update(item: Item, condition: str, *, first: str, gone: Sequence[str]) -> Write:
    """Write the item's attributes over those that are in the table, or as a new item.

    The attribute `first` keeps the value that it has in the table. Those named by `gone` are removed, and all
    others stay as they are.
    """
    own = {name: value for name, value in item.items() if name not in ("pk", "sk")}
    # DynamoDB reserves the word "status".
    names = {"ExpressionAttributeNames": {"#status": "status"}} if "status" in own else {}
    return {
        "Update": {
            "Key": _key(item),
            "UpdateExpression": _expression(tuple(own), first, tuple(gone)),
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {f":{name}": value for name, value in own.items()},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **names,
        }
    }


@cache
def _expression(own: tuple[str, ...], first: str, gone: tuple[str, ...]) -> str:
    """Write an update expression. It is cached, because many records share a few of them."""
    assigned = [
        f"{'#' if name == 'status' else ''}{name} = "
        + (f"if_not_exists({name}, :{name})" if name == first else f":{name}")
        for name in own
    ]
    return f"SET {', '.join(assigned)}" + (f" REMOVE {', '.join(gone)}" if gone else "")


def _key(item: Item) -> Item:
    return {name: item[name] for name in ("pk", "sk")}


def _deletion(record: Message, pk: str) -> dict[str, str]:
    return flags(
        pk,
        deleted_at=timestamps.millis(timestamps.parse(record.deleted_at)),
        deleted_by=record.deleted_by,
        delete_request_id=record.delete_request_id,
        purge_at=timestamps.millis(timestamps.parse(record.purge_at)),
    )


def _restoration(record: Message) -> dict[str, str]:
    if not record.restored_at:
        return {}
    restored_at = timestamps.millis(timestamps.parse(record.restored_at))
    return {"restored_at": restored_at, "restored_by": record.restored_by}


def _item(pk: str, sk: str, **attributes: str) -> Item:
    """Make an item of texts; empty ones are left out."""
    given = {name: value for name, value in attributes.items() if value}
    return {name: {"S": value} for name, value in {"pk": pk, "sk": sk, **given}.items()}


def _put(item: Item, condition: str | None = None) -> Write:
    if condition is None:
        return {"Put": {"Item": item}}
    returning = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    return {"Put": {"Item": item, "ConditionExpression": condition, **returning}}
