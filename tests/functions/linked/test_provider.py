"""What a provider answers, and what becomes of the message then."""

import pytest

from expunge.linked import providers
from expunge.linked.provider_keys import KeyUnavailable
from expunge.problems import CATALOGUE
from tests.functions.linked.message import GONE, delete, is_live
from tests.upstream import Upstream, answer
from tests.world import LINKED, RunningOut, World


def test_any_type_can_be_the_providers_answer(world: World, provider: Upstream) -> None:
    replies = {}
    for name in CATALOGUE:
        provider.says(418, {"type": f"errors/{name}", "title": "tell-tale", "detail": "tell-tale"})
        replies[name] = delete()

    assert {name: (reply.status, reply.body["title"]) for name, reply in replies.items()} == CATALOGUE
    assert all(reply.problem[1] == name for name, reply in replies.items())
    assert "tell-tale" not in str(replies)
    assert is_live(world)


def test_404_heals_what_was_deleted_at_the_provider_alone(world: World, provider: Upstream) -> None:
    provider.says(404, GONE)

    assert delete().status == 200
    assert world.deleted() == {LINKED}


@pytest.mark.parametrize(
    "sent",
    [
        answer(404, b"<!doctype html><title>404 Not Found</title>", Content_Type="text/html"),
        answer(404),
        answer(404, {"message": "Not Found"}),
        answer(302, Location="/login"),
    ],
)
def test_what_a_wrong_base_url_answers_erases_nothing(world: World, provider: Upstream, sent: bytes) -> None:
    provider.sends(sent)

    assert delete().problem == (500, "provider_error")
    assert is_live(world)


def test_a_busy_provider_says_when_to_come_back(world: World, provider: Upstream) -> None:
    provider.says(429, Retry_After="7")

    reply = delete()

    assert reply.problem == (503, "service_unavailable")
    assert reply.headers["retry-after"] == "7"
    assert is_live(world)


def test_half_an_answer_is_no_yes(world: World, provider: Upstream) -> None:
    provider.sends(answer(200, {"object": "MessageDeleted"})[:-5])

    assert delete().problem == (500, "provider_error")
    assert is_live(world)


def test_a_time_out_is_answered_in_time_and_leaves_the_message_to_the_next_request(
    world: World, provider: Upstream
) -> None:
    provider.hangs()
    context = RunningOut(seconds=1)

    assert delete(context=context).problem == (504, "request_timeout")

    assert context.get_remaining_time_in_millis() > 200
    assert is_live(world)
    provider.says(404, GONE)
    assert delete().status == 200
    assert world.deleted() == {LINKED}


def test_without_a_key_the_provider_is_not_asked(
    world: World, provider: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(name: str) -> str:
        raise KeyUnavailable(name)

    monkeypatch.setattr(providers, "provider_key", unavailable)

    assert delete().problem == (503, "service_unavailable")
    assert provider.asked == []
    assert is_live(world)


def test_a_key_that_the_provider_turns_down_is_fetched_anew_for_the_next_request(
    provider: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[bool] = []
    monkeypatch.setattr(providers, "forget", lambda: forgotten.append(True))
    provider.says(403)
    delete()
    assert forgotten == []
    provider.says(401, {"type": "errors/invalid_credentials"})

    assert delete().problem == (401, "invalid_credentials")

    assert forgotten == [True]
    assert len(provider.asked) == 2
