"""A store that fails before, at or after the provider's yes."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from expunge.table import keys
from expunge.table.store import store
from tests.disturbances import LateWrites
from tests.failing import LOST, refusal
from tests.functions.linked.message import GONE, delete, is_live
from tests.upstream import Upstream, answer
from tests.world import ACCOUNT, LINKED, RunningOut, World


@pytest.mark.parametrize("operation", ["update_item", "get_item", "transact_write_items"])
@pytest.mark.parametrize("error", [LOST, refusal("ThrottlingException"), refusal("InternalServerError", 500)])
def test_a_store_that_fails_once_is_asked_again(
    world: World, provider: Upstream, disturb: Callable[..., None], operation: str, error: Exception
) -> None:
    disturb(operation, error)

    assert delete().status == 200
    assert len(provider.asked) == 1
    assert world.deleted() == {LINKED}


@pytest.mark.parametrize("operation", ["update_item", "transact_write_items"])
def test_a_write_whose_answer_got_lost_is_recognised(
    world: World, provider: Upstream, disturb: Callable[..., None], operation: str
) -> None:
    disturb(operation, LOST, done=True)

    assert delete().status == 200
    assert len(provider.asked) == 1
    assert world.deleted() == {LINKED}


@pytest.mark.parametrize("operation", ["update_item", "get_item"])
def test_a_store_that_fails_before_the_provider_is_asked_makes_the_service_unavailable(
    world: World, provider: Upstream, disturb: Callable[..., None], operation: str
) -> None:
    disturb(operation, refusal("AccessDeniedException"), forever=True)

    assert delete().problem == (503, "service_unavailable")
    assert provider.asked == []
    assert is_live(world)


def test_a_flag_that_fails_after_the_yes_is_set_by_the_next_request(
    world: World, provider: Upstream, disturb: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    disturb("transact_write_items", refusal("AccessDeniedException"), forever=True)
    assert delete().problem == (503, "service_unavailable")
    assert is_live(world)
    monkeypatch.setattr(store(), "client", world.store.client)
    provider.says(404, GONE)

    assert delete().status == 200
    assert world.deleted() == {LINKED}


def test_a_flag_that_lands_after_the_answer_finds_the_claim_released(
    world: World, provider: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = LateWrites.installed(monkeypatch)
    assert delete(context=RunningOut(seconds=3)).problem == (503, "service_unavailable")

    assert late.land() == 0
    assert is_live(world)
    provider.says(404, GONE)
    assert delete().status == 200
    assert world.deleted() == {LINKED}


def test_a_claim_that_cannot_be_released_runs_out(
    world: World, provider: Upstream, disturb: Callable[..., None]
) -> None:
    def no_longer(connection: socket.socket) -> None:
        disturb("update_item", refusal("AccessDeniedException"), forever=True)
        connection.sendall(answer(500))

    delete("msg_00000000000000000000000000")
    provider.reaction = no_longer

    assert delete().problem == (500, "provider_error")

    [item] = world.items()
    assert "claim_id" in item


def test_what_nobody_foresaw_is_an_unexpected_error_and_releases_the_claim(
    world: World, provider: Upstream, logged: Callable[[], list[Any]]
) -> None:
    world.store.client.update_item(
        TableName="expunge",
        Key={"pk": {"S": keys.linked_message(ACCOUNT, LINKED)}, "sk": {"S": keys.MESSAGE}},
        UpdateExpression="SET sent_at = :odd",
        ExpressionAttributeValues={":odd": {"S": "yesterday"}},
    )

    assert delete().problem == (500, "unexpected_error")

    assert is_live(world)
    assert provider.asked == []
    assert [line["message"] for line in logged()] == ["Failed"]
