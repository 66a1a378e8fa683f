from collections.abc import Callable
from typing import Any

import pytest

from delete_pull_events import handler
from tests.world import PULL, World, at, call, message_id

OTHER = "01935abc-0000-7000-8000-0000000000ff"
PATH = {"id": PULL}


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.api_key()
    world.pull_endpoint()


def test_without_filters_every_live_event_of_the_endpoint_is_deleted(world: World) -> None:
    world.pull_endpoint(OTHER)
    other = world.event(9, pull_endpoint_id=OTHER)
    ids = [
        world.event(1, status="stored"),
        world.event(2, status="fetched"),
        world.event(3, status="delivered"),
    ]

    reply = call(handler, path=PATH)

    assert reply.status == 200
    assert reply.body == {
        "data": {"deleted": 3, "deleted_event_ids": ids},
        "meta": {"request_id": reply.headers["x-request-id"]},
    }
    assert world.deleted() == set(ids)
    assert world.live() == {other}


@pytest.mark.parametrize(
    ("query", "matching"),
    [
        ({"event_type": "order.created"}, {0, 4}),
        ({"event_type": "Order.Created"}, {3}),
        ({"event_type": "order.created", "status": "fetched"}, {4}),
        ({"event_type": "order.created", "received_after": at(1)}, {4}),
        ({"event_type": "order"}, set()),
        ({"event_type": "a#b 'ü'"}, {2}),
        ({"status": "stored, fetched", "limit": "2"}, {0, 1}),
        ({"received_before": at(2)}, {0, 1}),
    ],
)
def test_filters_narrow_the_deletion(world: World, query: dict[str, str], matching: set[int]) -> None:
    types = ("order.created", "order.paid", "a#b 'ü'", "Order.Created", "order.created")
    for number, event_type in enumerate(types):
        world.event(number, event_type=event_type, status="stored" if number < 3 else "fetched")

    reply = call(handler, path=PATH, query=query)

    assert reply.data["deleted_event_ids"] == [message_id(number) for number in sorted(matching)]
    assert world.deleted() == {message_id(number) for number in matching}


def test_a_deleted_event_is_not_found_by_its_type_again(world: World) -> None:
    world.event(1)
    call(handler, path=PATH, query={"event_type": "order.created"})

    assert call(handler, path=PATH, query={"event_type": "order.created"}).data["deleted"] == 0


@pytest.mark.parametrize(
    ("endpoint_id", "query", "error"),
    [
        (
            "ep_1",
            {},
            (400, "INVALID_REQUEST", "id must be a UUID, such as 01935abc-def0-7123-4567-890abcdef012"),
        ),
        (PULL, {"event_type": ""}, (400, "INVALID_REQUEST", "event_type must be 1 to 256 characters long")),
        (
            PULL,
            {"event_type": "x" * 257},
            (400, "INVALID_REQUEST", "event_type must be 1 to 256 characters long"),
        ),
        (
            PULL,
            {"status": "queued"},
            (400, "INVALID_REQUEST", "status must be a comma-separated list of stored, fetched, delivered"),
        ),
        (OTHER, {}, (404, "NOT_FOUND", "Pull endpoint not found")),
        (OTHER, {"limit": "0"}, (400, "INVALID_REQUEST", "limit must be a whole number from 1 to 1000")),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_deleted(
    world: World, endpoint_id: str, query: dict[str, str], error: tuple[int, str, str]
) -> None:
    world.event(1)

    assert call(handler, path={"id": endpoint_id}, query=query).error == error
    assert world.deleted() == set()


def test_the_query_cannot_name_another_endpoint_than_the_path(world: World) -> None:
    world.pull_endpoint(OTHER)
    world.event(1, pull_endpoint_id=OTHER)

    status, code, message = call(handler, path=PATH, query={"id": OTHER}).error

    assert (status, code) == (400, "INVALID_REQUEST")
    assert message.startswith('"id" is not known: the parameters of this call are status,')
    assert world.deleted() == set()


def test_another_account_s_endpoint_is_answered_as_one_that_does_not_exist(world: World) -> None:
    world.pull_endpoint(OTHER, account_id="acc_2")
    theirs = world.event(1, account_id="acc_2", pull_endpoint_id=OTHER)

    assert call(handler, path={"id": OTHER}).error == (404, "NOT_FOUND", "Pull endpoint not found")
    assert world.live() == {theirs}


def test_an_event_whose_status_changed_after_it_was_found_by_type_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed, other = world.event(1), world.event(2)
    world.before_write(monkeypatch, lambda: world.event(1, status="fetched"))

    reply = call(handler, path=PATH, query={"event_type": "order.created", "status": "stored"})

    assert reply.data["deleted_event_ids"] == [other]
    assert world.live() == {changed}


def test_counts_are_published_as_metrics(world: World, logged: Callable[[], list[dict[str, Any]]]) -> None:
    world.event(1)
    call(handler, path=PATH)

    [metrics] = [line for line in logged() if "_aws" in line]
    assert metrics["family"] == "pull"
    assert metrics["Deleted"] == [1.0]
