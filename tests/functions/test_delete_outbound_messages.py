from typing import Any

import pytest

from delete_outbound_messages import handler
from tests.world import OUTBOUND, Reply, World, at, call, message_id

OTHER = "01935abc-0000-7000-8000-0000000000ff"


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.api_key()
    world.outbound_endpoint()


def delete(**query: str) -> Reply:
    return call(handler, query=query)


def test_every_live_message_of_the_account_is_deleted_oldest_first(world: World) -> None:
    ids = [
        world.outbound_message(1, endpoint_id=OTHER, status="queued"),
        world.outbound_message(2),
        world.outbound_message(3, endpoint_id=OTHER),
    ]
    world.message(4)

    reply = delete()

    assert reply.body == {
        "data": {"deleted": 3, "deleted_message_ids": ids},
        "meta": {"request_id": reply.headers["x-request-id"]},
    }
    assert world.deleted() == set(ids)


@pytest.mark.parametrize(
    ("query", "matching"),
    [
        ({"status": "queued, failed_permanent"}, {1, 4}),
        ({"endpoint_id": OTHER.upper()}, {2, 4}),
        ({"created_after": at(2)}, {2, 3, 4}),
        ({"created_before": at(2)}, {1}),
        ({"created_after": at(2), "created_before": at(4), "endpoint_id": OUTBOUND}, {3}),
        ({"limit": "2"}, {1, 2}),
    ],
)
def test_filters_narrow_what_is_deleted(world: World, query: dict[str, str], matching: set[int]) -> None:
    world.outbound_endpoint(OTHER)
    world.outbound_message(1, status="queued")
    world.outbound_message(2, endpoint_id=OTHER)
    world.outbound_message(3)
    world.outbound_message(4, endpoint_id=OTHER, status="failed_permanent")

    expected = [message_id(number) for number in sorted(matching)]
    assert delete(**query).data == {"deleted": len(expected), "deleted_message_ids": expected}
    assert world.deleted() == set(expected)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"received_after": at(1)}, '"received_after" is not known: the parameters of this call are status,'),
        ({"inbound_endpoint_id": OTHER}, '"inbound_endpoint_id" is not known: the parameters of this call'),
        ({"status": "stored"}, "status must be a comma-separated list of queued, delivering, succeeded,"),
        ({"endpoint_id": "ep_1"}, "endpoint_id must be a UUID, such as"),
        ({"created_after": "yesterday"}, "created_after must be an RFC 3339 time with an offset, such as"),
        (
            {"created_after": at(2), "created_before": at(2)},
            "created_after must be earlier than created_before",
        ),
    ],
)
def test_a_filter_that_is_not_understood_deletes_nothing(
    world: World, query: dict[str, Any], message: str
) -> None:
    world.outbound_message(1)

    status, code, sentence = delete(**query).error

    assert (status, code) == (400, "INVALID_REQUEST")
    assert sentence.startswith(message)
    assert world.deleted() == set()


def test_another_accounts_endpoint_is_answered_as_one_that_does_not_exist(world: World) -> None:
    world.outbound_endpoint(OTHER, account_id="acc_2")

    assert delete(endpoint_id=OTHER).error == (400, "ENDPOINT_NOT_FOUND", "endpoint not found")


def test_reads_do_not_grow_with_endpoints_that_have_nothing_to_delete(
    world: World, operations: list[str]
) -> None:
    delete()
    operations.clear()
    delete()
    among_none = list(operations)
    for number in range(50):
        world.outbound_endpoint(message_id(number))
    world.outbound_message(1, endpoint_id=message_id(49))
    operations.clear()

    assert delete().data["deleted"] == 1
    assert operations == [*among_none, "TransactWriteItems", "UpdateItem"]
