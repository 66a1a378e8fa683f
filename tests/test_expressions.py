"""An expression whose form is kept says what moto makes of it anew each time."""

from typing import Any

import pytest
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.parsing import ast_nodes

from tests import expressions
from tests.world import World

pytestmark = pytest.mark.moto("it is about how moto reads expressions")

NAMES = {"#a": "status", "#b": "path"}
VALUES = [
    {":x": {"S": "1"}, ":y": {"S": "2"}, ":z": {"N": "3"}},
    {":x": {"N": "4"}, ":y": {"N": "5"}, ":z": {"NULL": True}},
]
CONDITIONS = [
    "#a = :x",
    "attribute_exists(pk) AND (attribute_not_exists(#a) OR #b.edits <> :y)",
    "NOT begins_with(sk, :x) AND size(#b) > :z",
    "pk BETWEEN :x AND :y",
    "#a IN (:x, :y, :z) OR contains(#b, :z)",
    "attribute_type(#a, :x) AND pk <= :y AND sk >= :x AND one < :y",
]
KEY: Any = {"pk": {"S": "p"}, "sk": {"S": "MESSAGE"}}
UPDATES: list[Any] = [
    "SET #a = :x, edits = if_not_exists(edits, :z) + :z REMOVE #b",
    "SET #a = if_not_exists(#a, :x), tags = list_append(tags, :more) ADD edits :z",
    "SET tags[0] = :x REMOVE tags[1], tags[2] ADD edits :z, names :set",
    "SET absent.edits = :x",
    "SET #a = absent",
    "SET pk = :x",
    "SET edits = #a + :z",
]


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_is_read_alike_whatever_its_values(text: str) -> None:
    for values in VALUES:
        short, long = (ConditionExpressionParser(text, NAMES, values) for _ in range(2))  # type: ignore[arg-type]
        assert repr(short.parse()) == repr(expressions.parse(long))
        assert short.expr_attr_names_found == long.expr_attr_names_found
        assert short.expr_attr_values_found == long.expr_attr_values_found


def test_a_value_that_is_missing_is_told() -> None:
    with pytest.raises(KeyError, match=":y"):
        ConditionExpressionParser("#a = :x AND #b = :y", NAMES, {":x": {"S": "1"}}).parse()


@pytest.mark.parametrize("text", UPDATES)
def test_an_update_does_the_same(text: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    short = updated(world, text)

    monkeypatch.setattr(
        vars(ast_nodes)["DepthFirstTraverser"], "traverse_node_recursively", expressions.traverse
    )
    assert updated(world, text) == short


def updated(world: World, text: str) -> Any:
    """The item after an update, or what the update is refused with."""
    client, table = world.store.client, world.store.table
    values = {":x": {"S": "1"}, ":z": {"N": "3"}, ":more": {"L": [{"S": "d"}]}, ":set": {"SS": ["n"]}}
    tags = {"L": [{"S": "a"}, {"S": "b"}, {"S": "c"}]}
    client.put_item(TableName=table, Item=KEY | {"status": {"S": "s"}, "path": {"S": "p"}, "tags": tags})
    arguments: Any = {
        "ExpressionAttributeNames": {name: of for name, of in NAMES.items() if name in text},
        "ExpressionAttributeValues": {name: value for name, value in values.items() if name in text},
    }
    given = {name: value for name, value in arguments.items() if value}
    try:
        return client.update_item(
            TableName=table, Key=KEY, UpdateExpression=text, ReturnValues="ALL_NEW", **given
        )["Attributes"]
    except client.exceptions.ClientError as error:
        return error.response["Error"]
