"""How the table is asked: consistently, in batches until all is there, and never again by the SDK itself."""

import time
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from expunge.deadline import Deadline
from expunge.errors import Throttled, Unavailable
from expunge.table import keys
from expunge.table.store import Store, store
from tests.world import ACCOUNT, RunningOut, World, message_id

NEVER = Deadline.never()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was slept, without sleeping it."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def arguments_of(table: Store, operation: str, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Watch the calls of one operation."""
    seen: list[dict[str, Any]] = []
    real = getattr(table.client, operation)

    def watched(**arguments: Any) -> Any:
        seen.append(arguments)
        return real(**arguments)

    monkeypatch.setattr(table.client, operation, watched)
    return seen


def places(world: World, count: int) -> list[tuple[str, str]]:
    """Where so many messages are, which it loads."""
    for number in range(count):
        world.message(number)
    return [(keys.message("INBOUND", ACCOUNT, message_id(n)), keys.MESSAGE) for n in range(count)]


def test_items_are_read_as_the_last_write_left_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    [place] = places(world, 1)
    one = arguments_of(world.store, "get_item", monkeypatch)
    many = arguments_of(world.store, "batch_get_item", monkeypatch)
    page = arguments_of(world.store, "query", monkeypatch)
    query = {
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": place[0]}},
        "Limit": 1,
    }

    assert world.store.get(*place, NEVER, "pk") == {"pk": {"S": place[0]}}
    assert world.store.get_batch([place], NEVER, "pk") == [{"pk": {"S": place[0]}}]
    assert [item["pk"]["S"] for item in world.store.query(NEVER, **query).items] == [place[0]]

    assert [call["ConsistentRead"] for call in one] == [True]
    assert [call["RequestItems"]["expunge"]["ConsistentRead"] for call in many] == [True]
    assert [call["ConsistentRead"] for call in page] == [True]


def test_what_a_batch_leaves_out_is_asked_for_again_after_a_pause(
    world: World, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    wanted = places(world, 5)
    real = world.store.client.batch_get_item
    asked: list[int] = []

    def two_at_a_time(**arguments: Any) -> Any:
        [(table, request)] = arguments["RequestItems"].items()
        asked.append(len(request["Keys"]))
        reply = real(RequestItems={table: request | {"Keys": request["Keys"][:2]}})
        rest = request["Keys"][2:]
        return {**reply, "UnprocessedKeys": {table: request | {"Keys": rest}} if rest else {}}

    monkeypatch.setattr(world.store.client, "batch_get_item", two_at_a_time)
    found = world.store.get_batch(wanted, NEVER, "pk")

    assert {item["pk"]["S"] for item in found} == {pk for pk, _ in wanted}
    assert asked == [5, 3, 1]
    assert len(pauses) == 2


def test_a_batch_that_is_never_complete_ends_with_the_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(**arguments: Any) -> Any:
        return {"Responses": {}, "UnprocessedKeys": arguments["RequestItems"]}

    monkeypatch.setattr(world.store.client, "batch_get_item", nothing)

    with pytest.raises(Throttled):
        world.store.get_batch(
            [("p", "s")], Deadline(RunningOut(seconds=0.5).get_remaining_time_in_millis), "pk"
        )


def test_every_page_of_a_query_is_read(world: World) -> None:
    for number in range(5):
        world.load({"kind": "inbound_endpoint", "account_id": ACCOUNT, "id": message_id(number)})

    items = world.store.query_all(
        NEVER,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": keys.account(ACCOUNT)}},
        Limit=2,
    )

    assert [item["sk"]["S"] for item in items] == [keys.INBOUND_ENDPOINT + message_id(n) for n in range(5)]


def test_the_sdk_sends_a_request_once_and_leaves_repeating_it_to_the_deadline() -> None:
    sent: list[str] = []

    def fail(event_name: str, **_: Any) -> None:
        sent.append(event_name)
        raise EndpointConnectionError(endpoint_url="https://dynamodb.example")

    client = store().client  # as the functions make it
    client.meta.events.register_first("before-send.dynamodb", fail)

    with pytest.raises(EndpointConnectionError):
        client.get_item(TableName="expunge", Key={"pk": {"S": "p"}, "sk": {"S": "s"}})

    assert len(sent) == 1


def test_a_store_that_is_not_there_is_given_up_after_five_attempts(
    world: World, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    def fail(**_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.example")

    monkeypatch.setattr(world.store.client, "get_item", fail)

    with pytest.raises(Unavailable):
        world.store.get("p", "s", NEVER, "pk")
    assert len(pauses) == 4
