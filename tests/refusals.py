"""What DynamoDB refuses and engines for tests let pass: refused here, before a call leaves the SDK.

`install` has every DynamoDB client of this process checked that is made afterwards, the functions' own
included. The rules, and where AWS documents them (under https://docs.aws.amazon.com/amazondynamodb/latest/):

- a transaction has at most 100 actions, no two of them on one item, on at most 4 MB of items; a client token
  comes back only with the same parameters: APIReference/API_TransactWriteItems.html
- a batch reads at most 100 items or writes at most 25, and names none twice:
  APIReference/API_BatchGetItem.html, APIReference/API_BatchWriteItem.html
- a global secondary index is read with eventual consistency only, and gives no attribute that is not
  projected into it: developerguide/GSI.html, developerguide/HowItWorks.ReadConsistency.html
- a filter names no attribute of the key: developerguide/Query.FilterExpression.html
- a reserved word is named through a placeholder: developerguide/ReservedWords.html; the list is moto's copy
- every placeholder is defined and used: developerguide/Expressions.ExpressionAttributeNames.html
- names and values of placeholders are left out if there are none, and not given empty: no page says so, but
  AWS refuses it, https://github.com/awslabs/dynamodb-data-mapper-js/pull/24, and so does DynamoDB Local
- key values, those of indexes too, are neither empty nor longer than 2,048 (partition) or 1,024 bytes (sort);
  IN takes at most 100 values: developerguide/Constraints.html
- no parameter is null: the SDK itself refuses that, unless it is told to leave the parameters unchecked, as
  the functions tell it

Of the 4 MB only what a request brings is counted: what an update or a deletion finds in the table is not
known here.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NoReturn

from botocore.exceptions import ClientError
from botocore.handlers import BUILTIN_HANDLERS
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

from cli.template import table_definition

_ACTIONS = 100
_BYTES = 4 * 1024 * 1024
_OPERANDS = 100
_BATCH = {"BatchGetItem": 100, "BatchWriteItem": 25}
_LONGEST_KEY = {"HASH": 2048, "RANGE": 1024}

_CONDITIONS = ("ConditionExpression", "FilterExpression", "KeyConditionExpression")
_EXPRESSIONS = (*_CONDITIONS, "ProjectionExpression", "UpdateExpression")
_OPERATORS = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN"})
_CLAUSES = frozenset({"SET", "REMOVE", "ADD", "DELETE"})

# A word with what tells what it is: a placeholder's sign before it, a function's parenthesis after it.
_WORD = re.compile(r"[:#]?[A-Za-z_0-9]+(?:\s*\()?")
_IN = re.compile(r"\bIN\s*\(([^)]*)\)", re.IGNORECASE)
_ASSIGNED = re.compile(r"([A-Za-z_#][A-Za-z_0-9]*)\s*=\s*(:[A-Za-z_0-9]+)")

_sent: dict[str, int] = {}
"""A digest of the parameters that each client token came with."""


def install() -> None:
    """Have all clients that are made from now on checked; to be called before the first session is made."""
    BUILTIN_HANDLERS.append(("before-parameter-build.dynamodb", refuse))


def refuse(params: dict[str, Any], model: Any, **_: Any) -> None:
    """Raise as DynamoDB answers, or do nothing."""
    operation = model.name
    if None in params.values():
        _no("A parameter is null", operation)
    if operation == "TransactWriteItems":
        _refuse_transaction(params)
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        _refuse_batch(params, operation)
    elif operation in ("Query", "Scan"):
        _refuse_search(params, operation)
    for request in _requests(params):
        if None in request.values():
            _no("A parameter is null", operation)
        _refuse_expressions(request)
        _refuse_keys(request)


def _no(message: str, operation: str = "", code: str = "ValidationException") -> NoReturn:
    error: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    raise ClientError(error, operation)


def _requests(params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every single read or write of a call."""
    if "TransactItems" in params:
        for entry in params["TransactItems"]:
            yield from entry.values()
    elif "RequestItems" in params:
        for wanted in params["RequestItems"].values():
            if isinstance(wanted, dict):
                yield {name: given for name, given in wanted.items() if name != "Keys"}
                yield from ({"Key": key} for key in wanted["Keys"])
            else:
                yield from (request for entry in wanted for request in entry.values())
    else:
        yield params


def _place(request: dict[str, Any]) -> tuple[str, str]:
    key = request.get("Key") or request["Item"]
    return json.dumps(key["pk"]), json.dumps(key["sk"])


def _refuse_transaction(params: dict[str, Any]) -> None:
    entries = params["TransactItems"]
    if len(entries) > _ACTIONS:
        _no(f"Member must have length less than or equal to {_ACTIONS}", "TransactWriteItems")
    places = [(request.get("TableName"), *_place(request)) for request in _requests(params)]
    if len(set(places)) < len(places):
        _no("Transaction request cannot include multiple operations on one item", "TransactWriteItems")
    if sum(_size(request.get("Item", {})) for request in _requests(params)) > _BYTES:
        _no("Transaction size cannot exceed 4 MB", "TransactWriteItems")
    token = params.get("ClientRequestToken")
    digest = hash(json.dumps(entries, default=repr, sort_keys=True))
    if token is not None and _sent.setdefault(token, digest) != digest:
        _no(
            "The token was used with other parameters",
            "TransactWriteItems",
            "IdempotentParameterMismatchException",
        )


def _refuse_batch(params: dict[str, Any], operation: str) -> None:
    if sum(_names_item(each) for each in _requests(params)) > _BATCH[operation]:
        _no(f"Member must have length less than or equal to {_BATCH[operation]}", operation)
    for table, wanted in params["RequestItems"].items():
        places = [_place(each) for each in _requests({"RequestItems": {table: wanted}}) if _names_item(each)]
        if len(set(places)) < len(places):
            _no("Provided list of item keys contains duplicates")


def _names_item(request: dict[str, Any]) -> bool:
    return "Key" in request or "Item" in request


def _refuse_search(params: dict[str, Any], operation: str) -> None:
    keys = _indexes()[params.get("IndexName", "")]
    filtered = set(_attributes(params, "FilterExpression"))
    if operation == "Query" and filtered & keys:
        _no("Filter Expression can only contain non-primary key attributes", operation)
    if "IndexName" not in params:
        return
    if params.get("ConsistentRead"):
        _no("Consistent reads are not supported on global secondary indexes", operation)
    projected = _projected()[params["IndexName"]]
    lacking = (filtered | set(_attributes(params, "ProjectionExpression"))) - projected
    if projected and lacking:
        _no(f"Global secondary index {params['IndexName']} does not project {sorted(lacking)}", operation)


def _refuse_expressions(request: dict[str, Any]) -> None:
    used: set[str] = set()
    for kind in _EXPRESSIONS:
        for word in _words(request, kind):
            if word[0] in ":#":
                used.add(word)
            elif word.upper() in _reserved():
                _no(f"Invalid {kind}: Attribute name is a reserved keyword; reserved keyword: {word}")
        for operands in _IN.findall(request.get(kind, "")):
            if operands.count(",") >= _OPERANDS:
                _no(f"Invalid {kind}: the IN operator is provided with too many operands")
    _refuse_placeholders(request, used)


def _refuse_placeholders(request: dict[str, Any], used: set[str]) -> None:
    given: set[str] = set()
    for placeholders in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        if request.get(placeholders) == {}:
            _no(f"{placeholders} must not be empty")
        given |= set(request.get(placeholders, ()))
    if used - given:
        _no(f"An expression attribute used in an expression is not defined: {sorted(used - given)}")
    if given - used:
        _no(f"Value provided in expression attributes unused in expressions: {sorted(given - used)}")


def _refuse_keys(request: dict[str, Any]) -> None:
    values = request.get("ExpressionAttributeValues", {})
    assigned = {
        request.get("ExpressionAttributeNames", {}).get(name, name): values[value]
        for name, value in _ASSIGNED.findall(request.get("UpdateExpression", ""))
    }
    for attributes in (request.get("Key", {}), request.get("Item", {}), assigned):
        for name, role in _roles():
            text = attributes.get(name, {}).get("S")
            if text is not None and not 0 < len(text.encode()) <= _LONGEST_KEY[role]:
                _no(f"One or more parameter values are not valid: the size of key {name}")


def _words(request: dict[str, Any], kind: str) -> Iterator[str]:
    """Attributes and placeholders of an expression."""
    for word in _WORD.findall(request.get(kind, "")):
        known = _CLAUSES if kind == "UpdateExpression" else _OPERATORS if kind in _CONDITIONS else ()
        if not word.endswith("(") and word.upper() not in known:
            yield word


def _attributes(request: dict[str, Any], kind: str) -> Iterator[str]:
    names = request.get("ExpressionAttributeNames", {})
    return (names.get(word, word) for word in _words(request, kind) if not word.startswith(":"))


def _size(value: Any) -> int:
    """Bytes of names and values, as DynamoDB counts them or nearly so."""
    if isinstance(value, dict):
        return sum(len(name) + _size(each) for name, each in value.items())
    if isinstance(value, list):
        return sum(map(_size, value))
    return len(value if isinstance(value, bytes) else str(value).encode())


@cache
def _reserved() -> frozenset[str]:
    return frozenset(ReservedKeywords.get_reserved_keywords())


@cache
def _indexes() -> dict[str, frozenset[str]]:
    """The key attributes of each index, and under the empty name of the table."""
    table: Any = table_definition("")
    indexes = {each["IndexName"]: each["KeySchema"] for each in table["GlobalSecondaryIndexes"]}
    return {name: _names(schema) for name, schema in {"": table["KeySchema"], **indexes}.items()}


@cache
def _projected() -> dict[str, frozenset[str]]:
    """What each index gives; nothing where it gives all."""
    table: Any = table_definition("")
    return {
        each["IndexName"]: frozenset()
        if each["Projection"]["ProjectionType"] == "ALL"
        else _indexes()[""]
        | _indexes()[each["IndexName"]]
        | set(each["Projection"].get("NonKeyAttributes", ()))
        for each in table["GlobalSecondaryIndexes"]
    }


@cache
def _roles() -> frozenset[tuple[str, str]]:
    """Every key attribute, and whether it is a partition key (HASH) or a sort key (RANGE)."""
    table: Any = table_definition("")
    schemas: Iterable[Any] = [
        table["KeySchema"],
        *(each["KeySchema"] for each in table["GlobalSecondaryIndexes"]),
    ]
    return frozenset((each["AttributeName"], each["KeyType"]) for schema in schemas for each in schema)


def _names(schema: Iterable[Any]) -> frozenset[str]:
    return frozenset(each["AttributeName"] for each in schema)
