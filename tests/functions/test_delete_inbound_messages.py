"""Inbound messages are deleted by filter."""

from collections.abc import Callable
from typing import Any

import pytest

from delete_inbound_messages import handler
from tests.world import ACCOUNT, World, at, call, message_id

OTHER = "01935abc-0000-7000-8000-0000000000ff"


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.api_key()
    world.inbound_endpoint()


def test_without_filters_every_live_message_of_the_account_is_deleted(world: World) -> None:
    world.inbound_endpoint(OTHER)
    ids = [world.message(1, status="queued"), world.message(2, inbound_endpoint_id=OTHER)]

    reply = call(handler)

    assert reply.status == 200
    assert reply.body == {
        "data": {"deleted": 2, "deleted_message_ids": ids},
        "meta": {"request_id": reply.headers["x-request-id"]},
    }
    assert world.deleted() == set(ids)


def test_the_flags_name_who_deleted_when_for_which_request_and_until_when_it_can_be_restored(
    world: World,
) -> None:
    world.message(1)

    reply = call(handler, request_id="JKJaX/PLv+cESHA=")

    assert reply.headers["x-request-id"] == "req_JKJaX_PLv-cESHA"
    [item] = world.items()
    assert item["delete_request_id"] == "req_JKJaX_PLv-cESHA"
    assert item["deleted_by"].startswith("key_")
    assert len(item["deleted_at"]) == len("2026-04-05T14:23:11.123Z")
    assert item["purge_at"] > item["deleted_at"]
    assert item["status"] == "succeeded"


def test_a_second_request_finds_nothing_left(world: World) -> None:
    world.message(1)
    call(handler)
    before = world.items()

    reply = call(handler)

    assert reply.data == {"deleted": 0, "deleted_message_ids": []}
    assert world.items() == before


def test_content_is_kept_until_the_purge(world: World) -> None:
    world.message(1)
    call(handler)

    content = world.store.client.scan(TableName="expunge", FilterExpression="attribute_exists(payload)")
    assert content["Count"] == 1


@pytest.mark.parametrize(
    ("status", "matching"),
    [
        ("queued", {0}),
        ("failed_permanent,queued", {0, 4}),
        (" queued , delivering ", {0, 1}),
        ("queued,queued", {0}),
        ("queued,delivering,succeeded,pending_retry,failed_permanent", {0, 1, 2, 3, 4}),
    ],
)
def test_status_is_a_list_of_names(world: World, status: str, matching: set[int]) -> None:
    for number, name in enumerate(("queued", "delivering", "succeeded", "pending_retry", "failed_permanent")):
        world.message(number, status=name)

    call(handler, query={"status": status})

    assert world.deleted() == {message_id(number) for number in matching}


def test_a_repeated_parameter_counts_as_one_with_commas(world: World) -> None:
    queued, failed = world.message(1, status="queued"), world.message(2, status="failed_permanent")
    world.message(3)

    call(handler, query="status=queued&status=failed_permanent")

    assert world.deleted() == {queued, failed}


def test_an_endpoint_narrows_the_deletion(world: World) -> None:
    world.inbound_endpoint(OTHER)
    world.message(1)
    wanted = world.message(2, inbound_endpoint_id=OTHER)

    assert call(handler, query={"inbound_endpoint_id": OTHER.upper()}).data["deleted_message_ids"] == [wanted]
    assert world.deleted() == {wanted}


def test_the_window_includes_its_start_and_excludes_its_end(world: World) -> None:
    for second in range(5):
        world.message(second)

    reply = call(handler, query={"received_after": at(1), "received_before": at(3)})

    assert reply.data["deleted_message_ids"] == [message_id(1), message_id(2)]


def test_fractions_of_a_second_count_to_the_microsecond(world: World) -> None:
    world.message(1, received_at="2026-04-05T14:23:11.123455Z")
    inside = world.message(2, received_at="2026-04-05T16:23:11.123456+02:00")
    world.message(3, received_at="2026-04-05T14:23:11.123457Z")

    window = {
        "received_after": "2026-04-05t14:23:11.123456z",
        "received_before": "2026-04-05T14:23:11.123457Z",
    }
    assert call(handler, query=window).data["deleted_message_ids"] == [inside]


def test_a_plus_that_was_not_encoded_is_understood(world: World) -> None:
    world.message(1, received_at="2026-04-05T12:00:00Z")
    inside = world.message(2, received_at="2026-04-05T12:00:01Z")

    reply = call(handler, query="received_after=2026-04-05T14:00:01+02:00")

    assert reply.data["deleted_message_ids"] == [inside]


def test_at_most_limit_are_deleted_oldest_first_across_statuses(world: World) -> None:
    for number in (5, 3, 1, 4, 2):
        world.message(number, status="queued" if number % 2 else "succeeded")

    assert call(handler, query={"limit": "3"}).data["deleted_message_ids"] == [
        message_id(n) for n in (1, 2, 3)
    ]
    assert world.live() == {message_id(4), message_id(5)}


def test_an_endpoint_that_the_account_lacks_is_not_found(world: World) -> None:
    world.message(1)

    reply = call(handler, query={"inbound_endpoint_id": OTHER})

    assert reply.error == (400, "ENDPOINT_NOT_FOUND", "endpoint not found")
    assert world.deleted() == set()


def test_another_account_s_endpoint_is_answered_as_one_that_does_not_exist(world: World) -> None:
    world.inbound_endpoint(OTHER, account_id="acc_2")
    theirs = world.message(1, account_id="acc_2", inbound_endpoint_id=OTHER)

    reply = call(handler, query={"inbound_endpoint_id": OTHER})

    assert reply.error == (400, "ENDPOINT_NOT_FOUND", "endpoint not found")
    assert world.live() == {theirs}


def test_accounts_with_the_same_endpoint_and_message_ids_do_not_meet(world: World) -> None:
    world.inbound_endpoint(account_id="acc_2")
    world.message(1)
    world.message(1, account_id="acc_2")

    assert call(handler).data["deleted"] == 1
    assert [item["account_id"] for item in world.items() if "deleted_at" in item] == [ACCOUNT]


def test_counts_are_published_as_metrics(world: World, logged: Callable[[], list[dict[str, Any]]]) -> None:
    world.message(1)
    call(handler)

    [metrics] = [line for line in logged() if "_aws" in line]
    assert metrics["family"] == "inbound"
    assert metrics["Deleted"] == [1.0]
    assert metrics["PartialFailures"] == [0.0]
