"""The short way to moto ends where the long one does: same replies, same errors, same table."""

from copy import deepcopy
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from cli.dynamodb import create_table
from expunge.table.sending import HeldBack, checked_by
from expunge.table.store import CLIENT_CONFIG
from tests import shortcut
from tests.world import World

pytestmark = pytest.mark.moto("it is about the short way to moto")

TABLE: Any = {"TableName": "expunge"}
ITEM: Any = {
    "pk": {"S": "p"},
    "sk": {"S": "MESSAGE"},
    "status": {"S": "queued"},
    "payload": {"B": b"\x00\xff{"},
    "count": {"N": "12"},
    "flags": {"L": [{"BOOL": True}, {"M": {"B": {"S": "an attribute of that name"}}}]},
    "state_pk": {"S": "LIVE#1"},
    "state_sk": {"S": "1"},
}
KEY: Any = {name: ITEM[name] for name in ("pk", "sk")}
OTHER: Any = {"pk": {"S": "q"}, "sk": {"S": "MESSAGE"}}
NAMES: Any = {"ExpressionAttributeNames": {"#status": "status"}}
OF_STATE: Any = {
    "IndexName": "by_state",
    "KeyConditionExpression": "state_pk = :pk",
    "ExpressionAttributeValues": {":pk": {"S": "LIVE#1"}},
}
TAKEN: Any = {
    "ConditionExpression": "attribute_not_exists(pk)",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}


def setting(attribute: str, value: Any, **more: Any) -> Any:
    expression = {"UpdateExpression": f"SET {attribute} = :x", "ExpressionAttributeValues": {":x": value}}
    return TABLE | {"Key": KEY} | expression | more


REFUSED: Any = [
    {"Update": setting("undone", {"S": "not kept"})},
    {"Put": TABLE | {"Item": OTHER}},
    {
        "Delete": TABLE
        | {"Key": OTHER | {"sk": {"S": "CONTENT"}}, "ConditionExpression": "attribute_exists(pk)"}
    },
]

TIMES = ("CreationDateTime", "LatestStreamLabel", "LatestStreamArn")
"""What of a table's description tells when it was made."""

CALLS: list[tuple[str, Any]] = [
    ("describe_table", TABLE),
    ("put_item", TABLE | {"Item": ITEM}),
    ("put_item", TABLE | {"Item": ITEM} | TAKEN),
    ("get_item", TABLE | {"Key": KEY, "ConsistentRead": True}),
    ("get_item", TABLE | {"Key": OTHER}),
    ("get_item", TABLE | {"Key": KEY, "ProjectionExpression": "payload, #status"} | NAMES),
    ("get_item", {"TableName": "none", "Key": KEY}),
    ("update_item", setting("restored", {"S": "x"}, ReturnValues="ALL_NEW")),
    ("update_item", setting("restored", {"B": b"\x01"}, ReturnValues="UPDATED_OLD")),
    ("update_item", setting("restored", {"S": "y"}) | TAKEN),
    ("query", TABLE | OF_STATE),
    ("query", TABLE | OF_STATE | {"Limit": 1, "Select": "COUNT"}),
    ("scan", TABLE),
    ("batch_get_item", {"RequestItems": {"expunge": {"Keys": [KEY, OTHER]}}}),
    ("transact_write_items", {"TransactItems": [{"Update": setting("edits", {"N": "1"})}]}),
    ("transact_write_items", {"TransactItems": REFUSED}),
    ("transact_write_items", {"TransactItems": [{"Put": TABLE | {"Item": ITEM} | TAKEN}]}),
    ("scan", TABLE),
    ("delete_item", TABLE | {"Key": KEY, "ReturnValues": "ALL_OLD"}),
    ("batch_write_item", {"RequestItems": {"expunge": [{"PutRequest": {"Item": OTHER}}]}}),
    ("scan", TABLE),
]


def replies() -> list[Any]:
    """What each call returns or is refused with, without what tells one HTTP response from another."""
    heard: list[Any] = []
    with shortcut.moto():
        client = boto3.client("dynamodb", config=CLIENT_CONFIG)
        create_table(client, "expunge")
        for operation, arguments in CALLS:
            try:
                reply = getattr(client, operation)(**arguments)
            except ClientError as error:
                reply = error.response
            status = reply.pop("ResponseMetadata")["HTTPStatusCode"]
            for name in TIMES:
                reply.get("Table", {}).pop(name, None)
            heard.append((operation, status, reply))
    return heard


def test_both_ways_answer_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    short = replies()

    monkeypatch.setattr(shortcut, "leads_to_moto", lambda _url: False)
    long = replies()

    for quick, slow in zip(short, long, strict=True):
        assert quick == slow


def test_a_transaction_that_is_refused_leaves_everything_as_it_was(world: World) -> None:
    client = world.store.client
    client.put_item(**TABLE, Item=ITEM)
    before = client.scan(**TABLE)["Items"]

    with pytest.raises(client.exceptions.TransactionCanceledException):
        client.transact_write_items(TransactItems=REFUSED)

    assert client.scan(**TABLE)["Items"] == before == [ITEM]


def test_what_is_read_and_what_was_written_share_nothing(world: World) -> None:
    client, item = world.store.client, deepcopy(ITEM)
    client.put_item(**TABLE, Item=item)

    item["flags"]["L"].clear()
    found: Any = client.get_item(**TABLE, Key=KEY)["Item"]
    found["flags"]["L"].clear()

    assert client.get_item(**TABLE, Key=KEY)["Item"] == ITEM


def test_a_request_that_is_held_back_does_not_arrive(world: World) -> None:
    def refuse() -> None:
        raise HeldBack

    with checked_by(refuse), pytest.raises(HeldBack):
        world.store.client.put_item(**TABLE, Item=ITEM)

    assert world.store.client.scan(**TABLE)["Count"] == 0


def test_a_client_of_another_endpoint_is_left_alone(world: World) -> None:
    """The port is one that nobody listens on."""
    del world
    client = boto3.client("dynamodb", endpoint_url="http://127.0.0.1:1", config=CLIENT_CONFIG)

    with pytest.raises(EndpointConnectionError):
        client.scan(**TABLE)


WRONG: dict[str, Any] = {
    "two clauses of a kind": {"UpdateExpression": "SET edits = :x SET replies = :x"},
    "an attribute twice": {"UpdateExpression": "SET edits = :x REMOVE replies, edits"},
    "a path within another": {"UpdateExpression": "SET flags = :x, flags[0] = :x"},
    "a key": {"UpdateExpression": "SET edits = :x, pk = :x"},
}


@pytest.mark.parametrize("what", WRONG)
def test_an_expression_that_is_wrong_is_refused_the_second_time_too(world: World, what: str) -> None:
    wrong = TABLE | {"Key": KEY, "ExpressionAttributeValues": {":x": {"S": "x"}}} | WRONG[what]
    for _ in range(2):
        with pytest.raises(ClientError) as refused:
            world.store.client.update_item(**wrong)

        assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert world.store.client.scan(**TABLE)["Count"] == 0
