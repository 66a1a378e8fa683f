"""One request at a time deletes a message at its provider; what dies on the way is healed by the next one."""

import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from expunge import timestamps
from expunge.linked.messages import Claim
from expunge.table import keys
from tests.functions.linked.message import GONE, delete, is_live
from tests.upstream import Upstream, answer
from tests.world import ACCOUNT, LINKED, World


def test_of_six_requests_at_once_one_calls_the_provider(world: World, provider: Upstream) -> None:
    others_are_done = Event()

    def wait(connection: socket.socket) -> None:
        assert others_are_done.wait(timeout=10)
        connection.sendall(answer(200))

    provider.reaction = wait
    with ThreadPoolExecutor(6) as clients:
        first = clients.submit(delete)
        assert provider.arrived.acquire(timeout=10)
        others = [clients.submit(delete) for _ in range(5)]
        problems = [other.result().problem for other in others]
        others_are_done.set()

    assert problems == [(503, "service_unavailable")] * 5
    assert first.result().status == 200
    assert delete().problem == (404, "resource_not_found")
    assert len(provider.asked) == 1
    assert world.deleted() == {LINKED}


def test_a_definite_no_leaves_the_message_to_the_next_request_at_once(
    world: World, provider: Upstream
) -> None:
    provider.says(403, {"type": "errors/account_restricted"})
    delete()
    provider.says(200)

    assert delete().status == 200
    assert world.deleted() == {LINKED}


def test_a_death_between_the_yes_and_the_flag_is_healed_by_a_request_after_the_lease(
    world: World, provider: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Death(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Death

    with monkeypatch.context() as patched:
        patched.setattr(Claim, "erase", die)
        with pytest.raises(Death):
            delete()
    provider.says(404, GONE)

    assert delete().problem == (503, "service_unavailable")
    assert len(provider.asked) == 1
    later = timestamps.now() + timedelta(seconds=33)
    monkeypatch.setattr(timestamps, "now", lambda: later)

    assert delete().status == 200
    assert len(provider.asked) == 2
    assert world.deleted() == {LINKED}


def test_the_lease_is_longer_than_the_function_can_live(
    world: World, provider: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = timestamps.now()
    monkeypatch.setattr(timestamps, "now", lambda: started)
    seen: list[str] = []
    yes = provider.reaction

    def look(connection: socket.socket) -> None:
        seen.extend(item["claim_until"] for item in world.items())
        yes(connection)

    provider.reaction = look

    delete()

    assert seen == [timestamps.micros(started + timedelta(seconds=29 + 3))]


def test_a_message_that_is_loaded_anew_meanwhile_is_not_flagged(world: World, provider: Upstream) -> None:
    yes = provider.reaction

    def load(connection: socket.socket) -> None:
        world.linked_message()
        yes(connection)

    provider.reaction = load

    assert delete().problem == (503, "service_unavailable")
    assert is_live(world)


def test_a_message_that_is_purged_meanwhile_is_not_found(world: World, provider: Upstream) -> None:
    yes = provider.reaction

    def purge(connection: socket.socket) -> None:
        world.store.client.delete_item(
            TableName="expunge",
            Key={"pk": {"S": keys.linked_message(ACCOUNT, LINKED)}, "sk": {"S": keys.MESSAGE}},
        )
        yes(connection)

    provider.reaction = purge

    assert delete().problem == (404, "resource_not_found")
    assert world.items() == []
