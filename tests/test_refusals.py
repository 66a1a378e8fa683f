"""The engine that tests run on refuses what AWS refuses, to whichever client."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from expunge.table import keys
from expunge.table.store import store
from tests.world import World

KEY = {"pk": {"S": "a"}, "sk": {"S": "MESSAGE"}}
INDEX = {
    "IndexName": keys.BY_STATE,
    "KeyConditionExpression": "state_pk = :pk",
    "ExpressionAttributeValues": {":pk": {"S": "LIVE"}},
}


def key(number: int) -> dict[str, Any]:
    return {"pk": {"S": str(number)}, "sk": {"S": "MESSAGE"}}


def put(number: int, **attributes: Any) -> dict[str, Any]:
    return {"Put": {"TableName": "expunge", "Item": key(number) | attributes}}


def refused(operation: str, **arguments: Any) -> str:
    """The code with which a call is refused; "" if it is not."""
    try:
        getattr(store().client, operation)(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def value(name: str, text: str = "x") -> dict[str, Any]:
    return {"ExpressionAttributeValues": {name: {"S": text}}}


INVALID: dict[str, tuple[str, dict[str, Any]]] = {
    "two operations on one item": (
        "transact_write_items",
        {"TransactItems": [put(1), {"Delete": {"TableName": "expunge", "Key": key(1)}}]},
    ),
    "101 actions": ("transact_write_items", {"TransactItems": [put(number) for number in range(101)]}),
    "over 4 MB": (
        "transact_write_items",
        {"TransactItems": [put(number, text={"S": "x" * 390_000}) for number in range(11)]},
    ),
    "a batch that reads an item twice": (
        "batch_get_item",
        {"RequestItems": {"expunge": {"Keys": [KEY, KEY]}}},
    ),
    "a batch that reads 101 items": (
        "batch_get_item",
        {"RequestItems": {"expunge": {"Keys": [key(number) for number in range(101)]}}},
    ),
    "a batch that writes 26 items": (
        "batch_write_item",
        {"RequestItems": {"expunge": [{"PutRequest": {"Item": key(number)}} for number in range(26)]}},
    ),
    "a consistent read of an index": ("query", INDEX | {"ConsistentRead": True}),
    "a projection of what the index lacks": ("query", INDEX | {"ProjectionExpression": "pk, deleted_at"}),
    "a filter on what the index lacks": (
        "query",
        INDEX | {"FilterExpression": "attribute_not_exists(deleted_at)"},
    ),
    "a filter on the index's key": ("query", INDEX | {"FilterExpression": "attribute_exists(state_sk)"}),
    "a placeholder for what the index lacks": (
        "query",
        INDEX | {"ProjectionExpression": "#a", "ExpressionAttributeNames": {"#a": "deleted_at"}},
    ),
    "a reserved word in a projection": ("get_item", {"Key": KEY, "ProjectionExpression": "pk, status"}),
    "a reserved word in an update": (
        "update_item",
        {"Key": KEY, "UpdateExpression": "SET Name = :x", **value(":x")},
    ),
    "a reserved word in a condition": (
        "transact_write_items",
        {"TransactItems": [{"Put": put(1)["Put"] | {"ConditionExpression": "state = :x", **value(":x")}}]},
    ),
    "a value that is not used": ("update_item", {"Key": KEY, "UpdateExpression": "REMOVE a", **value(":x")}),
    "a value that is not defined": ("update_item", {"Key": KEY, "UpdateExpression": "SET a = :x"}),
    "no names in what is for names": (
        "update_item",
        {"Key": KEY, "UpdateExpression": "REMOVE a", "ExpressionAttributeNames": {}},
    ),
    "no values in what is for values": (
        "update_item",
        {"Key": KEY, "UpdateExpression": "REMOVE a", "ExpressionAttributeValues": {}},
    ),
    "a parameter that is null": ("query", INDEX | {"Limit": None}),
    "a parameter that is null in a transaction": (
        "transact_write_items",
        {"TransactItems": [{"Put": put(1)["Put"] | {"ConditionExpression": None}}]},
    ),
    "an empty key": ("get_item", {"Key": KEY | {"sk": {"S": ""}}}),
    "an empty key of an index": (
        "update_item",
        {"Key": KEY, "UpdateExpression": "SET state_sk = :x", **value(":x", "")},
    ),
    "a long key of an index": ("put_item", {"Item": KEY | {"state_sk": {"S": "x" * 1025}}}),
    "101 operands": (
        "query",
        INDEX | {"FilterExpression": f"account_id IN ({', '.join([':pk'] * 101)})"},
    ),
}


@pytest.mark.parametrize("what", INVALID)
def test_it_refuses(world: World, what: str) -> None:
    operation, arguments = INVALID[what]
    if operation not in ("transact_write_items", "batch_get_item", "batch_write_item"):
        arguments = {"TableName": "expunge"} | arguments

    assert refused(operation, **arguments) == "ValidationException"
    assert world.store.client.scan(TableName="expunge")["Count"] == 0


def test_it_refuses_a_token_with_other_parameters(world: World) -> None:
    token = "8a1c"
    assert refused("transact_write_items", TransactItems=[put(1)], ClientRequestToken=token) == ""
    assert refused("transact_write_items", TransactItems=[put(1)], ClientRequestToken=token) == ""

    code = refused("transact_write_items", TransactItems=[put(2)], ClientRequestToken=token)

    assert code == "IdempotentParameterMismatchException"
    assert world.store.client.scan(TableName="expunge")["Count"] == 1


def test_it_takes_what_is_right(world: World) -> None:
    names = {"#status": "status", "#state": "state"}
    update = {
        "TableName": "expunge",
        "Key": KEY,
        "UpdateExpression": "SET #status = :x, state_pk = :x REMOVE a",
    }
    condition = "attribute_not_exists(pk) OR (#state IN (:x) AND size(deleted_at) BETWEEN :x AND :x)"

    assert (
        refused(
            "update_item",
            **update,
            **value(":x", "LIVE"),
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
        )
        == ""
    )
    assert refused("query", TableName="expunge", **INDEX, ProjectionExpression="pk, state_sk") == ""
    assert world.store.client.scan(TableName="expunge")["Count"] == 1
