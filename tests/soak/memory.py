"""A table in a dictionary: DynamoDB as far as this service uses it, twenty times as fast as moto.

What it answers is held to moto's answers by a test. Its indexes show changes as late as it is told.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from tests.soak.compiled_expressions import Item, condition, updated

Key = tuple[str, str]

_PARTITION = re.compile(r"(\w+) = (:\w+)")


class Memory:
    """One table; items are never changed, but replaced."""

    def __init__(self, seconds: Callable[[], float], lag: float = 0.0) -> None:
        self.items: dict[Key, Item] = {}
        self.lag = lag
        self._seconds = seconds
        self._shown: dict[Key, Item] = {}
        self._coming: deque[tuple[float, Key]] = deque()

    def answer(self, operation: str, params: Mapping[str, Any]) -> Any:
        """Carry a call out. Raises ClientError as the SDK does."""
        method = _METHODS[operation]
        return method(self, params)

    def show(self, after: Callable[[], float]) -> None:
        """Have the indexes show each item that is there after so many seconds."""
        now = self._seconds()
        self._shown = {}
        self._coming = deque(sorted((now + after(), place) for place in self.items))

    def _get(self, params: Mapping[str, Any]) -> Any:
        found = self.items.get(_place(params["Key"]))
        return {} if found is None else {"Item": _projected(found, params)}

    def _get_batch(self, params: Mapping[str, Any]) -> Any:
        [(table, wanted)] = params["RequestItems"].items()
        there = [self.items.get(_place(key)) for key in wanted["Keys"]]
        return {
            "Responses": {table: [_projected(each, wanted) for each in there if each is not None]},
            "UnprocessedKeys": {},
        }

    def _write(self, params: Mapping[str, Any]) -> Any:
        place = _place(params.get("Key") or params["Item"])
        old = self.items.get(place)
        if not _holds(params, old):
            more = _found(params, old)
            raise _error("ConditionalCheckFailedException", "", **more)
        self._put(place, _written(params, place, old))
        return {"Attributes": self.items[place]} if params.get("ReturnValues") == "ALL_NEW" else {}

    def _transact(self, params: Mapping[str, Any]) -> Any:
        entries = [request for entry in params["TransactItems"] for request in entry.values()]
        places = [_place(each.get("Key") or each["Item"]) for each in entries]
        assert len(set(places)) == len(places), "two operations on one item"
        reasons = [
            {"Code": "None"}
            if _holds(each, self.items.get(place))
            else {"Code": "ConditionalCheckFailed", **_found(each, self.items.get(place))}
            for each, place in zip(entries, places, strict=True)
        ]
        if any(reason["Code"] != "None" for reason in reasons):
            raise _error("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)
        written = [
            _written(each, place, self.items.get(place)) for each, place in zip(entries, places, strict=True)
        ]
        for each, entry, new in zip(places, params["TransactItems"], written, strict=True):
            if "ConditionCheck" not in entry:
                self._put(each, new)
        return {}

    def _query(self, params: Mapping[str, Any]) -> Any:
        index = params.get("IndexName")
        attribute, placeholder = _PARTITION.match(params["KeyConditionExpression"]).groups()  # type: ignore[union-attr]
        names, values = params.get("ExpressionAttributeNames", {}), params["ExpressionAttributeValues"]
        rows, sort = (self._index(), "state_sk") if index else (self.items, "sk")
        matches = condition(params["KeyConditionExpression"])
        wanted = values[placeholder]
        found = [
            each
            for each in rows.values()
            if each.get(attribute) == wanted and sort in each and matches(each, names, values)
        ]
        found.sort(key=_order(sort), reverse=not params.get("ScanIndexForward", True))
        if start := params.get("ExclusiveStartKey"):
            keyed = [_order(sort)(each) for each in found]
            found = found[keyed.index(_order(sort)(start)) + 1 :]
        assert "FilterExpression" not in params
        limit = params.get("Limit", len(found))
        page = found[:limit]
        reply = {"Items": [_projected(each, params) for each in page], "Count": len(page)}
        if len(found) > limit:
            last = {attribute, sort, "pk", "sk"}
            reply["LastEvaluatedKey"] = {name: page[-1][name] for name in last}
        return reply

    def _scan(self, params: Mapping[str, Any]) -> Any:
        return {"Items": [_projected(each, params) for each in self.items.values()], "Count": len(self.items)}

    def _index(self) -> dict[Key, Item]:
        while self._coming and self._coming[0][0] <= self._seconds():
            _, place = self._coming.popleft()
            self._show(place)
        return self._shown

    def _put(self, place: Key, item: Item | None) -> None:
        if item is None:
            self.items.pop(place, None)
        else:
            self.items[place] = item
        if self.lag:
            self._coming.append((self._seconds() + self.lag, place))
        else:
            self._show(place)

    def _show(self, place: Key) -> None:
        if place in self.items:
            self._shown[place] = self.items[place]
        else:
            self._shown.pop(place, None)


_METHODS: Mapping[str, Callable[[Memory, Mapping[str, Any]], Any]] = {
    "GetItem": Memory._get,  # noqa: SLF001 - its own
    "BatchGetItem": Memory._get_batch,  # noqa: SLF001
    "PutItem": Memory._write,  # noqa: SLF001
    "UpdateItem": Memory._write,  # noqa: SLF001
    "DeleteItem": Memory._write,  # noqa: SLF001
    "TransactWriteItems": Memory._transact,  # noqa: SLF001
    "Query": Memory._query,  # noqa: SLF001
    "Scan": Memory._scan,  # noqa: SLF001
}


def _place(key: Item) -> Key:
    return key["pk"]["S"], key["sk"]["S"]


def _order(sort: str) -> Callable[[Item], tuple[str, str, str]]:
    return lambda item: (item[sort]["S"], item["pk"]["S"], item["sk"]["S"])


def _holds(request: Mapping[str, Any], found: Item | None) -> bool:
    if "ConditionExpression" not in request:
        return True
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    return condition(request["ConditionExpression"])(found or {}, names, values)


def _found(request: Mapping[str, Any], found: Item | None) -> dict[str, Item]:
    asked = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return {"Item": found} if asked and found is not None else {}


def _written(request: Mapping[str, Any], place: Key, found: Item | None) -> Item | None:
    """What a request makes of an item."""
    if "Item" in request:
        return dict(request["Item"])
    if "UpdateExpression" in request:
        new = found or {"pk": {"S": place[0]}, "sk": {"S": place[1]}}
        names = request.get("ExpressionAttributeNames", {})
        return updated(new, request["UpdateExpression"], names, request.get("ExpressionAttributeValues", {}))
    return None


def _projected(item: Item, params: Mapping[str, Any]) -> Item:
    if "ProjectionExpression" not in params:
        return item
    names: Mapping[str, str] = params.get("ExpressionAttributeNames", {})
    wanted: Sequence[str] = params["ProjectionExpression"].replace(" ", "").split(",")
    return {name: item[name] for word in wanted if (name := names.get(word, word)) in item}


def _error(code: str, operation: str, **fields: Any) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}, **fields}
    return ClientError(response, operation)
