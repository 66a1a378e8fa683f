"""Planned deletions: what was found by a dry run is deleted, and nothing else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from delete_inbound_messages import handler as delete_all
from delete_pull_events import handler as delete_events
from execute_deletion import handler as execute
from list_deletions import handler as list_deletions
from tests.deletions import look, restored, states
from tests.world import PULL, Reply, World, call, message_id


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.customer()


def executed(plan: Reply, **arguments: Any) -> Reply:
    return call(execute, path={"request_id": plan.data["deletion_id"]}, **arguments)


def test_a_dry_run_flags_nothing_and_says_what_it_found(world: World) -> None:
    ids = [world.message(number) for number in range(12)]

    plan = call(delete_all, query="dry_run=true&limit=11")

    assert plan.data == {
        "matched": 11,
        "sample_message_ids": ids[:10],
        "deletion_id": plan.headers["x-request-id"],
        "expires_at": plan.data["expires_at"],
    }
    assert world.deleted() == set()
    told = look(plan).data
    assert (told["state"], told["filters"], told["deleted"]) == ("planned", {"limit": 11}, 0)
    assert states(plan) == [{"id": each, "state": "planned"} for each in ids[:11]]


def test_what_was_planned_is_deleted_and_nothing_that_came_later(world: World) -> None:
    ids = [world.message(1), world.message(2)]
    plan = call(delete_all, query="dry_run=true")
    later = world.message(0)

    reply = executed(plan)

    assert reply.data == {"deleted": 2, "deleted_message_ids": ids}
    assert world.live() == {later}
    assert {item.get("delete_request_id") for item in world.items()} == {plan.data["deletion_id"], None}
    assert [each["id"] for each in call(list_deletions).data["deletions"]] == [plan.data["deletion_id"]]
    assert look(plan).data["state"] == "done"


def test_what_does_not_match_any_more_is_left_alone(world: World) -> None:
    stays = world.event(1, status="stored")
    moves = world.event(2, status="stored")
    plan = call(delete_events, path={"id": PULL}, query="dry_run=true&status=stored")
    world.event(2, status="delivered")

    assert executed(plan).data == {"deleted": 1, "deleted_event_ids": [stays]}
    assert world.live() == {moves}
    assert [each["state"] for each in states(plan)] == ["deleted", "left_alone"]


def test_one_that_moved_to_another_status_that_matches_is_deleted(world: World) -> None:
    message = world.message(1, status="queued")
    plan = call(delete_all, query="dry_run=true&status=queued,succeeded")
    world.message(1, status="succeeded")

    assert executed(plan).data["deleted_message_ids"] == [message]


def test_a_repetition_answers_the_same_and_deletes_nothing_more(world: World) -> None:
    world.message(1)
    plan = call(delete_all, query="dry_run=true")
    first = executed(plan)
    restored(plan)

    again = executed(plan)

    assert again.data == first.data
    assert "idempotent-replayed" not in again.headers
    assert world.live() == {message_id(1)}


def test_a_plan_is_carried_out_as_it_is_and_takes_no_body(world: World) -> None:
    world.message(1)
    plan = call(delete_all, query="dry_run=true")

    reply = executed(plan, body='{"limit": 1}')

    assert reply.error == (400, "INVALID_REQUEST", "payload must be empty: a plan is carried out as it is")
    assert world.live() == {message_id(1)}


def test_a_plan_expires_after_an_hour(world: World, travel: Callable[[timedelta], None]) -> None:
    world.message(1)
    plan = call(delete_all, query="dry_run=true")
    travel(timedelta(hours=1))

    assert executed(plan).error == (404, "NOT_FOUND", "Planned deletion not found")
    assert look(plan).data["state"] == "expired"
    assert states(plan) == [{"id": message_id(1), "state": "left_alone"}]
    assert world.live() == {message_id(1)}


def test_only_a_plan_of_the_account_s_own_is_executed_and_only_with_its_scope(world: World) -> None:
    world.api_key("other", account_id="acc_2")
    world.api_key("without", scopes=["pull:delete"])
    done = call(delete_all)
    world.message(1)
    plan = call(delete_all, query="dry_run=true")

    assert call(execute, path={"request_id": done.headers["x-request-id"]}).status == 404
    assert executed(plan, headers={"authorization": "Bearer other"}).status == 404
    lacking = (403, "FORBIDDEN", "This API key lacks the scope inbound:delete")
    assert executed(plan, headers={"authorization": "Bearer without"}).error == lacking
    assert world.live() == {message_id(1)}


@pytest.mark.parametrize("value", ["", "yes", "True", "1"])
def test_a_dry_run_is_true_or_false(world: World, value: str) -> None:
    world.message(1)

    reply = call(delete_all, query={"dry_run": value})

    assert reply.error == (400, "INVALID_REQUEST", "dry_run must be true or false")
    assert call(delete_all, query="dry_run=false").data["deleted"] == 1
