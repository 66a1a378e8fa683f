"""Messages that others change between the search and the deletion."""

from typing import Any

import pytest

from delete_inbound_messages import handler
from expunge.table import keys
from expunge.table.store import store
from tests.world import ACCOUNT, INBOUND, World, at, call, message_id


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.api_key()
    world.inbound_endpoint()


def test_a_message_that_stopped_matching_after_it_was_found_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, changed, last = (world.message(number, status="queued") for number in range(3))

    def retry_meanwhile() -> None:
        world.message(1, status="pending_retry")

    world.before_write(monkeypatch, retry_meanwhile)
    reply = call(handler, query={"status": "queued", "inbound_endpoint_id": INBOUND})

    assert reply.data["deleted_message_ids"] == [first, last]
    assert "error" not in reply.body
    assert world.live() == {changed}


def test_a_message_that_moved_to_another_matching_status_is_deleted_and_reported_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [world.message(number, status="queued") for number in range(3)]

    world.before_write(monkeypatch, lambda: world.message(1, status="succeeded"))
    reply = call(handler)

    assert reply.data["deleted"] == 3
    assert sorted(reply.data["deleted_message_ids"]) == ids
    assert "error" not in reply.body
    assert world.deleted() == set(ids)


def test_a_message_that_moved_out_of_the_window_meanwhile_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1, status="queued")
    moved = world.message(2, status="queued")

    world.before_write(monkeypatch, lambda: world.message(2, status="succeeded", received_at=at(99)))
    reply = call(handler, query={"received_before": at(50)})

    assert reply.data["deleted_message_ids"] == [message_id(1)]
    assert world.live() == {moved}


@pytest.mark.parametrize("query", [{}, {"inbound_endpoint_id": INBOUND}], ids=["account", "endpoint"])
@pytest.mark.parametrize("limit", [1, 100])
def test_a_message_that_moves_while_it_is_searched_for_is_found_twice_and_deleted_once(
    world: World, monkeypatch: pytest.MonkeyPatch, query: dict[str, str], limit: int
) -> None:
    ids = [world.message(number, status="queued") for number in range(3)]
    real = store().client.query

    def moved_after_the_first_status(**arguments: Any) -> Any:
        if "succeeded" in arguments["ExpressionAttributeValues"][":pk"]["S"]:
            for number in range(3):
                world.message(number, status="succeeded")
        return real(**arguments)

    monkeypatch.setattr("expunge.webhooks.delete_all._QUERIES_AT_ONCE", 1)
    monkeypatch.setattr(store().client, "query", moved_after_the_first_status)
    reply = call(handler, query={**query, "limit": str(limit)})

    assert reply.data == {"deleted": min(limit, 3), "deleted_message_ids": ids[:limit]}
    assert "error" not in reply.body
    assert world.deleted() == set(ids[:limit])


def test_a_flagged_message_that_a_writer_moved_back_among_the_living_is_not_deleted_again(
    world: World,
) -> None:
    world.message(1)
    call(handler)
    [flagged] = world.items()
    state_pk = keys.live("INBOUND", ACCOUNT, INBOUND, "succeeded")
    world.store.client.update_item(
        TableName=world.store.table,
        Key={"pk": {"S": flagged["pk"]}, "sk": {"S": keys.MESSAGE}},
        UpdateExpression="SET state_pk = :live, state_sk = :order",
        ExpressionAttributeValues={
            ":live": {"S": state_pk},
            ":order": {"S": keys.live_order(at(1), message_id(1))},
        },
    )
    [before] = world.items()

    reply = call(handler, query={"inbound_endpoint_id": INBOUND})

    assert reply.data == {"deleted": 0, "deleted_message_ids": []}
    assert world.items() == [before]


def test_a_message_that_someone_else_deleted_meanwhile_is_not_reported_and_others_take_its_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [world.message(number) for number in range(60)]
    other = []
    world.before_write(
        monkeypatch, lambda: other.extend(call(handler, query={"limit": "30"}).data["deleted_message_ids"])
    )

    reply = call(handler, query={"limit": "30"})

    assert other == ids[:30]
    assert reply.data == {"deleted": 30, "deleted_message_ids": ids[30:]}
    assert world.deleted() == set(ids)
