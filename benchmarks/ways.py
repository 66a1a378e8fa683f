"""The ways in which a thousand messages of one status are deleted from a table, beside this service's.

All work on the same items. Each finds the messages, deletes them, and returns the ids that it would report.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import boto3
from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import UpdateError
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

import delete_inbound_messages
from cli.dynamodb import ACCESS_KEY, REGION
from expunge import timestamps
from expunge.deletions.soft_delete import Deletion, Target
from expunge.table import keys
from expunge.table.search import Partition
from tests.engines.tenant import TABLE, Tenant, chunks
from tests.world import Context, call

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STATUS: Final = "failed_permanent"
DELETION: Final = Deletion("req_other", "key_other", "2026-05-01T00:00:00.000Z", "2026-06-01T00:00:00.000Z")

Way = Callable[[Tenant, str], list[str]]
"""Deletes what of an account has STATUS, in the DynamoDB at that address; gives the ids that it reports."""


@cache
def plain(url: str) -> "DynamoDBClient":
    """A client as boto3 makes it."""
    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=ACCESS_KEY,
    )


def expunge(tenant: Tenant, _url: str) -> list[str]:
    """By this service: its handler, with the key's look-up and the deletion's record."""
    reply = call(
        delete_inbound_messages.handler,
        query={"status": STATUS, "inbound_endpoint_id": tenant.inbound},
        headers={"authorization": f"Bearer {tenant.key}"},
        context=Context(),
    )
    ids: list[str] = reply.data["deleted_message_ids"]
    return ids


def update_a_row(tenant: Tenant, url: str) -> list[str]:
    """Query, then one conditional UpdateItem a row."""
    deleted = []
    for pk in _found(tenant, url):
        try:
            plain(url).update_item(**Target(DELETION, pk, _living(tenant)).write(TABLE)["Update"])
        except plain(url).exceptions.ConditionalCheckFailedException:
            continue
        deleted.append(_id(pk))
    return deleted


def batch_writer(tenant: Tenant, url: str) -> list[str]:
    """Scan with a filter, then the resource's batch writer: the script that is found first."""
    table = _resource(url).Table(TABLE)
    asked: dict[str, Any] = {
        "FilterExpression": "account_id = :account AND endpoint_id = :endpoint AND #status = :status"
        " AND attribute_not_exists(deleted_at)",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {
            ":account": tenant.account,
            ":endpoint": tenant.inbound,
            ":status": STATUS,
        },
        "ProjectionExpression": "pk, sk",
    }
    page: dict[str, Any] = {"LastEvaluatedKey": None}
    found = []
    while "LastEvaluatedKey" in page:
        page = table.scan(**asked)
        found += page["Items"]
        asked["ExclusiveStartKey"] = page.get("LastEvaluatedKey")
    with table.batch_writer() as batch:
        for item in found:
            batch.delete_item(Key=item)
    return [_id(item["pk"]) for item in found]


def partiql(tenant: Tenant, url: str) -> list[str]:
    """Query, then UPDATE statements with conditions, 25 a BatchExecuteStatement."""
    deleted = []
    for some in chunks(_found(tenant, url), 25):
        statements: Any = [{"Statement": _PARTIQL, "Parameters": _parameters(tenant, pk)} for pk in some]
        replies = plain(url).batch_execute_statement(Statements=statements)["Responses"]
        deleted += [_id(pk) for pk, each in zip(some, replies, strict=True) if "Error" not in each]
    return deleted


def expire(tenant: Tenant, url: str) -> list[str]:
    """Query, then set the time from which the table's TTL may remove each row."""
    found = list(_found(tenant, url))
    for pk in found:
        plain(url).update_item(
            TableName=TABLE,
            Key={"pk": {"S": pk}, "sk": {"S": keys.MESSAGE}},
            UpdateExpression="SET keep_until = :now",
            ExpressionAttributeValues={":now": {"N": str(int(timestamps.now().timestamp()))}},
        )
    return [_id(pk) for pk in found]


def pynamodb(tenant: Tenant, url: str) -> list[str]:
    """PynamoDB: query by the index, then a conditional update a row."""
    model = _model(url)
    living = _living(tenant).pk
    deleted = []
    for row in model.by_state.query(living):  # type: ignore[attr-defined] # made below
        flags = DELETION.flags(row.pk)
        actions = [getattr(model, name).set(value) for name, value in flags.items()]
        condition = model.state_pk == living  # type: ignore[attr-defined] # likewise
        try:
            row.update([*actions, model.group_pk.remove()], condition & model.deleted_at.does_not_exist())  # type: ignore[attr-defined] # likewise
        except UpdateError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
            continue
        deleted.append(_id(row.pk))
    return deleted


WAYS: Final[Mapping[str, Way]] = {
    "expunge": expunge,
    "UpdateItem a row": update_a_row,
    "PynamoDB": pynamodb,
    "PartiQL batches": partiql,
    "scan, batch_writer": batch_writer,
    "TTL set a row": expire,
}


def clients_of(url: str) -> list[Any]:
    """The clients by which they ask, for whoever counts."""
    from expunge.table.store import store  # noqa: PLC0415 - made when the environment names its table

    connection = _model(url)._get_connection().connection  # noqa: SLF001 - it hands out no client
    return [store().client, plain(url), _resource(url).meta.client, connection.client]


def _living(tenant: Tenant) -> Partition:
    return Partition(keys.BY_STATE, keys.live("INBOUND", tenant.account, tenant.inbound, STATUS))


def _found(tenant: Tenant, url: str) -> Iterator[str]:
    pages = (
        plain(url)
        .get_paginator("query")
        .paginate(
            TableName=TABLE,
            IndexName=keys.BY_STATE,
            KeyConditionExpression="state_pk = :pk",
            ExpressionAttributeValues={":pk": {"S": _living(tenant).pk}},
        )
    )
    yield from [item["pk"]["S"] for page in pages for item in page["Items"]]


def _id(pk: str) -> str:
    return pk.rpartition("#")[2]


_FLAGS: Final = (*DELETION.flags("pk"),)
_PARTIQL: Final = (
    f'UPDATE "{TABLE}" {" ".join(f"SET {name} = ?" for name in _FLAGS)} REMOVE group_pk'
    " WHERE pk = ? AND sk = ? AND state_pk = ? AND deleted_at IS MISSING"
)


def _parameters(tenant: Tenant, pk: str) -> list[dict[str, str]]:
    flags = DELETION.flags(pk)
    values = (*(flags[name] for name in _FLAGS), pk, keys.MESSAGE, _living(tenant).pk)
    return [{"S": each} for each in values]


@cache
def _resource(url: str) -> Any:
    return boto3.resource(
        "dynamodb",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=ACCESS_KEY,
    )


@cache
def _model(url: str) -> type[Model]:
    class ByState(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call] # its __init_subclass__ is not typed
        class Meta:
            index_name = keys.BY_STATE
            projection = KeysOnlyProjection()

        state_pk = UnicodeAttribute(hash_key=True)
        state_sk = UnicodeAttribute(range_key=True)

    class Message(Model):
        class Meta:
            table_name = TABLE
            host = url
            region = REGION
            aws_access_key_id = ACCESS_KEY
            aws_secret_access_key = ACCESS_KEY

        pk = UnicodeAttribute(hash_key=True)
        sk = UnicodeAttribute(range_key=True)
        by_state = ByState()
        state_pk = UnicodeAttribute(null=True)
        state_sk = UnicodeAttribute(null=True)
        group_pk = UnicodeAttribute(null=True)
        deleted_at = UnicodeAttribute(null=True)
        deleted_by = UnicodeAttribute(null=True)
        delete_request_id = UnicodeAttribute(null=True)
        purge_at = UnicodeAttribute(null=True)

    return Message
