import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from delete_pull_event_batch import handler
from tests.world import PULL, Reply, World, call, message_id

OTHER = "01935abc-0000-7000-8000-0000000000ff"
PATH = {"id": PULL}


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.api_key()
    world.pull_endpoint()


def delete(*ids: str) -> Reply:
    return call(handler, path=PATH, body={"message_ids": list(ids)})


def test_each_entry_gets_its_outcome_in_the_order_of_the_request(world: World) -> None:
    before = world.event(1)
    first = delete(before).data["results"][0]["deleted_at"]
    new = world.event(2)

    reply = delete(message_id(9), before, new)

    now = next(item["deleted_at"] for item in world.items() if item["id"] == new)
    assert reply.body == {
        "data": {
            "results": [
                {"event_id": message_id(9), "outcome": "not_found"},
                {"event_id": before, "outcome": "already_deleted", "deleted_at": first},
                {"event_id": new, "outcome": "deleted", "deleted_at": now},
            ],
            "deleted_count": 1,
            "already_deleted_count": 1,
            "not_found_count": 1,
        },
        "meta": {"request_id": reply.headers["x-request-id"]},
    }
    assert len(now) == len("2026-04-05T14:23:11.123Z")


def test_a_repeated_id_is_already_deleted_from_its_second_entry_on(world: World) -> None:
    event = world.event(1)

    data = delete(event, event.upper(), event, message_id(9), message_id(9)).data

    assert [result["outcome"] for result in data["results"]] == [
        "deleted",
        "already_deleted",
        "already_deleted",
        "not_found",
        "not_found",
    ]
    assert [result["event_id"] for result in data["results"]][:2] == [event, event.upper()]
    assert len({result.get("deleted_at") for result in data["results"][:3]}) == 1
    assert (data["deleted_count"], data["already_deleted_count"], data["not_found_count"]) == (1, 2, 2)


def test_the_same_request_again_changes_nothing(world: World) -> None:
    event = world.event(1)
    first = delete(event)
    before = world.items()

    again = call(
        handler, path=PATH, body={"message_ids": [event]}, request_id=first.headers["x-request-id"][4:]
    )

    assert again.data["results"] == [{**first.data["results"][0], "outcome": "already_deleted"}]
    assert world.items() == before


def test_events_of_another_endpoint_or_account_are_not_found(world: World) -> None:
    world.pull_endpoint(OTHER)
    world.event(1, pull_endpoint_id=OTHER)
    world.event(2, account_id="acc_2")

    assert delete(message_id(1), message_id(2)).data["not_found_count"] == 2
    assert world.deleted() == set()


def test_what_is_no_uuid_is_not_found() -> None:
    data = delete("evt_1", "x" * 128, "ünïcode", "a#b").data

    assert data["results"][0] == {"event_id": "evt_1", "outcome": "not_found"}
    assert data["not_found_count"] == 4


def test_a_hundred_ids_are_deleted_at_once(world: World) -> None:
    ids = [world.event(number) for number in range(100)]

    assert delete(*ids).data["deleted_count"] == 100
    assert world.deleted() == set(ids)


def test_a_body_in_base64_is_read(world: World) -> None:
    event = world.event(1)
    body = base64.b64encode(json.dumps({"message_ids": [event]}).encode()).decode()

    assert call(handler, path=PATH, body=body, base64=True).data["deleted_count"] == 1


NOT_JSON = "payload must be valid JSON"
NO_LIST = "message_ids must be a list of 1 to 100 strings of 1 to 128 characters"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", NOT_JSON),
        ("{", NOT_JSON),
        ('{"message_ids": [NaN]}', NOT_JSON),
        ("[" * 100_000, NOT_JSON),
        ("\ud800", NOT_JSON),
        ("[]", "payload must be a JSON object"),
        ("null", "payload must be a JSON object"),
        (
            f'{{"message_ids": ["x"], "message_ids": ["{message_id(1)}"]}}',
            "payload must give each field only once",
        ),
        ("{}", NO_LIST),
        ('{"message_ids": null}', NO_LIST),
        ('{"message_ids": "x"}', NO_LIST),
        ('{"message_ids": []}', NO_LIST),
        ('{"message_ids": [1]}', NO_LIST),
        ('{"message_ids": [null]}', NO_LIST),
        ('{"message_ids": [""]}', NO_LIST),
        (json.dumps({"message_ids": ["x" * 129]}), NO_LIST),
        (json.dumps({"message_ids": [message_id(n) for n in range(101)]}), NO_LIST),
        (json.dumps({"ids": [message_id(1)]}), '"ids" is not known: the fields of this call are message_ids'),
        (
            json.dumps({"message_ids": [message_id(1)], "dry_run": True}),
            '"dry_run" is not known: the fields of this call are message_ids',
        ),
    ],
)
def test_a_wrong_body_is_refused_and_nothing_is_deleted(world: World, body: str, message: str) -> None:
    world.event(1)

    assert call(handler, path=PATH, body=body).error == (400, "INVALID_REQUEST", message)
    assert world.deleted() == set()


def test_what_claims_to_be_base64_and_is_not_is_refused() -> None:
    reply = call(handler, path=PATH, body="{}", base64=True)

    assert reply.error == (400, "INVALID_REQUEST", NOT_JSON)


@pytest.mark.parametrize(
    ("endpoint_id", "error"),
    [
        ("x", (400, "INVALID_REQUEST", "id must be a UUID, such as 01935abc-def0-7123-4567-890abcdef012")),
        (OTHER, (404, "NOT_FOUND", "Pull endpoint not found")),
    ],
)
def test_a_wrong_endpoint_is_refused_and_nothing_is_deleted(
    world: World, endpoint_id: str, error: tuple[int, str, str]
) -> None:
    event = world.event(1)

    assert call(handler, path={"id": endpoint_id}, body={"message_ids": [event]}).error == error
    assert world.deleted() == set()


def test_a_wrong_body_is_said_before_a_missing_endpoint() -> None:
    assert call(handler, path={"id": OTHER}, body="{").error == (400, "INVALID_REQUEST", NOT_JSON)


def test_outcomes_are_published_as_metrics(world: World, logged: Callable[[], list[dict[str, Any]]]) -> None:
    event = world.event(1)
    delete(event, event, message_id(9))

    [metrics] = [line for line in logged() if "_aws" in line]
    assert (metrics["Deleted"], metrics["AlreadyDeleted"], metrics["NotFound"]) == ([1.0], [1.0], [1.0])
