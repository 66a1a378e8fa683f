"""Records as DynamoDB items: for each kind, the writes that belong in one transaction.

Content is stored compressed. DynamoDB charges for size, when it is written, while it is stored and when it
is purged; JSON shrinks to a fifth or so.
"""

import zlib
from functools import singledispatch
from hashlib import sha256
from typing import Any, Final

from expunge import timestamps, timetokens
from expunge.table import keys, living
from expunge.table.flags import assignments, flags
from expunge.table.records import (
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
"""Level of zlib. On GitHub's webhooks 1, 3 and 6 take 10, 10 and 17 ms a megabyte, to 18, 17 and 16 %."""

ENDPOINT: Final = {"inbound_endpoint_id": "endpoint_id", "pull_endpoint_id": "endpoint_id"}
"""Attributes that are called otherwise than the record's field, so that families share code."""

_NOT_DELETED: Final = "attribute_not_exists(deleted_at)"
_NOT_REVOKED: Final = "attribute_not_exists(revoked_at)"


@singledispatch
def writes(record: Record) -> list[Write]:
    """Turn a record into writes that are committed together or, where a condition fails, not at all.

    There are none for a record whose secret is withheld.
    """
    raise TypeError(f"no items are known for {type(record).__name__}")


@writes.register
def _api_key(record: ApiKey) -> list[Write]:
    """Give an update, not a put, because only the table knows when the key was made and last used."""
    if record.withheld:
        return []
    texts = {
        "account_id": record.account_id,
        "key_id": key_id(record.key),
        "label": record.label,
        "expires_at": record.expires_at and timestamps.micros(timestamps.parse(record.expires_at)),
        "state_pk": keys.API_KEYS,
        "group_pk": keys.account_keys(record.account_id),
        "state_sk": key_id(record.key),
    }
    clause, values = assignments({name: text for name, text in texts.items() if text})
    absent = [name for name, text in texts.items() if not text]
    if "scopes" in record.model_fields_set:
        clause += ", scopes = :scopes"
        values[":scopes"] = {"L": [{"S": scope} for scope in record.scopes]}
    else:
        absent.append("scopes")
    clause += ", created_at = if_not_exists(created_at, :now)"
    values[":now"] = {"S": timestamps.millis(timestamps.now())}
    update = {
        "Key": _item(keys.api_key(sha256(record.key.encode()).hexdigest()), keys.API_KEY),
        "UpdateExpression": f"SET {clause}" + (f" REMOVE {', '.join(absent)}" if absent else ""),
        "ConditionExpression": _NOT_REVOKED,
        "ExpressionAttributeValues": values,
    }
    return [{"Update": update}]


@writes.register
def _inbound_endpoint(record: InboundEndpoint) -> list[Write]:
    return [_put(_item(keys.account(record.account_id), keys.INBOUND_ENDPOINT + record.id, name=record.name))]


@writes.register
def _pull_endpoint(record: PullEndpoint) -> list[Write]:
    return [_put(_item(keys.account(record.account_id), keys.PULL_ENDPOINT + record.id, name=record.name))]


@writes.register
def _inbound_message(record: InboundMessage) -> list[Write]:
    return _message(record, keys.message("INBOUND", record.account_id, record.id))


@writes.register
def _pull_event(record: PullEvent) -> list[Write]:
    return _message(record, keys.pull_event(record.account_id, record.pull_endpoint_id, record.id))


@writes.register
def _outbound_endpoint(record: OutboundEndpoint) -> list[Write]:
    return [
        _put(_item(keys.account(record.account_id), keys.OUTBOUND_ENDPOINT + record.id, name=record.name))
    ]


@writes.register
def _outbound_message(record: OutboundMessage) -> list[Write]:
    return _message(record, keys.message("OUTBOUND", record.account_id, record.id))


@writes.register
def _linked_account(record: LinkedAccount) -> list[Write]:
    sk = keys.LINKED_ACCOUNT + record.id
    # "state" is a word of DynamoDB's own, which no projection may name.
    return [
        _put(_item(keys.account(record.account_id), sk, provider=record.provider, link_state=record.state))
    ]


@writes.register
def _linked_message(record: LinkedMessage) -> list[Write]:
    pk = keys.linked_message(record.account_id, record.id)
    if not record.deleted_at:
        return _message(record, pk)
    # These are deleted for good: their content went with them.
    metadata, content = _message(record.model_copy(update={"payload": None}), pk)
    metadata["Put"]["Item"]["erased_at"] = metadata["Put"]["Item"]["deleted_at"]
    return [metadata, content]


@writes.register
def _keyset(record: Keyset) -> list[Write]:
    if record.withheld:
        return []
    names = {"pub_key": record.pub_key, "secret_key": record.secret_key}
    item = _item(keys.keyset(record.sub_key), keys.KEYSET, **names)
    switches = {"access_manager": record.access_manager, "delete_from_history": record.delete_from_history}
    return [_put(item | {name: {"BOOL": on} for name, on in switches.items()})]


@writes.register
def _auth_grant(record: AuthGrant) -> list[Write]:
    digest = sha256(record.auth_key.encode()).hexdigest()
    expires_at = record.expires_at and timestamps.micros(timestamps.parse(record.expires_at))
    # "permissions" is a word of DynamoDB's own, too.
    granted = {"granted": {"L": [{"S": name} for name in record.permissions]}}
    pk, sks = (
        keys.keyset(record.sub_key),
        [keys.grant(digest, name) for name in dict.fromkeys(record.channels)],
    )
    return [_put(_item(pk, sk, expires_at=expires_at) | granted, _NOT_REVOKED) for sk in sks]


@writes.register
def _channel_message(record: ChannelMessage) -> list[Write]:
    timetoken = timetokens.order(timetokens.parse(record.timetoken))
    writes = _message(record, keys.channel_message(record.sub_key, record.channel, timetoken))
    # By this, a deletion that is still under way tells what was stored after it was asked for, and spares it.
    writes[0]["Put"]["Item"]["stored_at"] = {"S": timestamps.micros(timestamps.now())}
    return writes


def key_id(key: str) -> str:
    """Make the id of an API key, which tells neither the key nor where it is in the table."""
    return "key_" + sha256(b"expunge key id\0" + key.encode()).hexdigest()[:20]


def _message(record: Message, pk: str) -> list[Write]:
    """Metadata and content. The condition sees to it that loading never revives a deleted message.

    Where the record has no payload, that of the message it replaces goes.
    """
    own = {ENDPOINT.get(field, field): getattr(record, field) for field in record.own_fields()}
    index = _deletion(record, pk) if record.deleted_at else living.place(own)
    metadata = _put(_item(pk, keys.MESSAGE, **own, **_restoration(record), **index), _NOT_DELETED)
    if record.payload is None:
        return [metadata, {"Delete": {"Key": _item(pk, keys.CONTENT)}}]
    content = _item(pk, keys.CONTENT) | {"payload": {"B": zlib.compress(record.payload, COMPRESSION)}}
    return [metadata, _put(content)]


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
    """Leave out what is empty."""
    given = {name: value for name, value in attributes.items() if value}
    return {name: {"S": value} for name, value in {"pk": pk, "sk": sk, **given}.items()}


def _put(item: Item, condition: str = "") -> Write:
    return {"Put": {"Item": item, "ConditionExpression": condition} if condition else {"Item": item}}
