"""Who may delete which message of a linked account, and what the others are told."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from delete_message import handler
from expunge import timestamps
from expunge.problems import CATALOGUE
from expunge.table import keys
from tests.functions.linked.message import ALIAS, GOOD, OTHER, delete, is_live
from tests.upstream import Upstream
from tests.world import ACCOUNT, KEY, LINKED, World, at, call


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({"accept": "*/*"}, "missing_credentials"),
        ({"x-api-key": ""}, "missing_credentials"),
        ({"x-api-key": " "}, "missing_credentials"),
        ({"authorization": "Bearer"}, "missing_credentials"),
        ({"authorization": f"Basic {KEY}"}, "missing_credentials"),
        ({"x-api-key": "hb_live_unknown"}, "invalid_credentials"),
        ({"x-api-key": KEY.upper()}, "invalid_credentials"),
        ({"x-api-key": f"{KEY},{KEY}"}, "invalid_credentials"),
        ({"x-api-key": "x" * 10_000}, "invalid_credentials"),
        ({"x-api-key": "\udcff"}, "invalid_credentials"),
        ({"x-api-key": "hb_live_unknown", "authorization": f"Bearer {KEY}"}, "invalid_credentials"),
        ({"x-api-key": "hb_expired"}, "expired_credentials"),
        ({"x-api-key": "hb_revoked"}, "invalid_credentials"),
        ({"x-api-key": "hb_scoped"}, "insufficient_privileges"),
    ],
)
def test_without_a_good_key_nothing_is_looked_at(
    world: World, provider: Upstream, headers: dict[str, str], problem: str
) -> None:
    world.api_key("hb_expired", expires_at="2026-01-01T00:00:00Z")
    world.api_key("hb_scoped", scopes=["inbound:delete", "pull:delete"])
    world.api_key("hb_revoked")
    revoke(world, "hb_revoked")

    for message_id in (LINKED, "nonsense"):
        assert delete(message_id, headers=headers).problem == (401, problem)

    assert is_live(world)
    assert provider.asked == []


def revoke(world: World, key: str) -> None:
    world.store.client.update_item(
        TableName="expunge",
        Key={"pk": {"S": keys.api_key(sha256(key.encode()).hexdigest())}, "sk": {"S": keys.API_KEY}},
        UpdateExpression="SET revoked_at = :at",
        ExpressionAttributeValues={":at": {"S": at(0)}},
    )


@pytest.mark.parametrize(
    "headers",
    [{"x-api-key": KEY}, {"X-API-KEY": f" {KEY} "}, {"authorization": f"bearer {KEY}"}],
)
def test_a_key_comes_in_either_header(world: World, headers: dict[str, str]) -> None:
    assert delete(headers=headers).status == 200
    assert world.deleted() == {LINKED}


NO_IDS = [
    "",
    "msg_",
    LINKED.removeprefix("msg_"),
    LINKED.lower(),
    LINKED.upper(),
    LINKED[:-1],
    LINKED + "0",
    LINKED + "\n",
    " " + LINKED,
    LINKED[:-1] + "I",
    LINKED[:-1] + "L",
    LINKED[:-1] + "O",
    LINKED[:-1] + "U",
    LINKED[:-1] + "-",
    LINKED[:-1] + "\u0661",
    LINKED[:-1] + "\U0001f600",
    LINKED + "/" + LINKED,
    LINKED + "#CONTENT",
    "01935abc-def0-7123-4567-000000000001",
    "msg_" + "0" * 100_000,
]


def test_an_id_of_any_other_form_is_no_identifier(
    world: World, provider: Upstream, calls: list[tuple[str, Any]]
) -> None:
    for message_id in NO_IDS:
        reply = call(handler, path={"message_id": message_id}, headers=GOOD, route=ALIAS)
        assert reply.problem == (404, "invalid_resource_identifier"), message_id

    assert [name for name, _ in calls] == ["GetItem"], "the key's"
    assert is_live(world)
    assert provider.asked == []


def test_a_message_that_is_unknown_is_not_found(provider: Upstream) -> None:
    assert delete(OTHER).problem == (404, "resource_not_found")
    assert provider.asked == []


def test_a_deleted_message_is_not_found(world: World, provider: Upstream) -> None:
    delete()
    before = world.items()

    assert delete().problem == (404, "resource_not_found")

    assert world.items() == before
    assert len(provider.asked) == 1


def test_another_accounts_message_is_answered_exactly_like_none_with_the_same_effort(
    world: World, provider: Upstream, calls: list[tuple[str, Any]]
) -> None:
    world.api_key("hb_other", "acc_2")
    delete("nonsense", headers={"x-api-key": "hb_other"})
    calls.clear()

    replies = [delete(each, headers={"x-api-key": "hb_other"}) for each in (LINKED, OTHER)]

    for reply in replies:
        assert reply.problem == (404, "resource_not_found")
        reply.body.pop("instance")
    assert replies[0].body == replies[1].body
    assert [name for name, _ in calls] == ["UpdateItem", "UpdateItem"]
    assert [arguments["Key"]["pk"]["S"].rpartition("#")[0] for _, arguments in calls] == ["LINKED#acc_2"] * 2
    assert is_live(world)
    assert provider.asked == []


@pytest.mark.parametrize("name", ["INSTAGRAM", "linkedin", "WHATSAPP_BUSINESS"])
def test_only_whatsapp_and_linkedin_can_delete(world: World, provider: Upstream, name: str) -> None:
    world.linked_account(provider=name, state="disconnected_account")

    assert delete().problem == (403, "account_mismatch")
    assert is_live(world)
    assert provider.asked == []


NOW = datetime(2026, 5, 1, 12, 30, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "sent_at", "status"),
    [
        ("LINKEDIN", "2026-05-01T12:30:00Z", 200),
        ("LINKEDIN", "2026-05-01T11:30:00.250000Z", 200),
        ("LINKEDIN", "2026-05-01T13:30:00.25+02:00", 200),
        ("LINKEDIN", "2026-05-01T11:30:00.249999Z", 403),
        ("LINKEDIN", "2026-05-01T13:30:00.249999999+02:00", 403),
        ("LINKEDIN", "2025-05-01T12:30:00Z", 403),
        ("LINKEDIN", "2026-05-02T12:30:00Z", 200),
        ("WHATSAPP", "2016-05-01T12:30:00Z", 200),
    ],
)
def test_linkedin_deletes_within_60_minutes_to_the_microsecond(
    world: World,
    provider: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    sent_at: str,
    status: int,
) -> None:
    world.linked_account(provider=name)
    world.linked_message(sent_at=sent_at)
    monkeypatch.setattr(timestamps, "now", lambda: NOW)

    reply = delete()

    assert reply.status == status
    assert len(provider.asked) == (status == 200)
    if status == 403:
        assert reply.problem == (403, "insufficient_permissions")
        assert is_live(world)


def test_the_window_is_judged_before_the_state(world: World) -> None:
    world.linked_account(provider="LINKEDIN", state="disconnected_account")

    assert delete().problem == (403, "insufficient_permissions")


def test_any_type_can_be_an_accounts_state(world: World, provider: Upstream) -> None:
    replies = {}
    for name in CATALOGUE:
        world.linked_account(state=name)
        replies[name] = delete()

    assert {name: (reply.status, reply.body["title"]) for name, reply in replies.items()} == CATALOGUE
    assert all(reply.problem[1] == name for name, reply in replies.items())
    assert is_live(world)
    assert provider.asked == []


def test_a_state_of_no_catalogue_says_that_the_account_is_not_connected(
    world: World, provider: Upstream
) -> None:
    set_account(world, link_state="asleep")

    assert delete().problem == (401, "disconnected_account")
    assert provider.asked == []


def test_a_message_whose_account_is_gone_belongs_to_a_disconnected_one(
    world: World, provider: Upstream
) -> None:
    world.linked_message(linked_account_id="la_2")
    world.linked_account("acc_2", id="la_2")

    assert delete().problem == (401, "disconnected_account")
    assert is_live(world)
    assert provider.asked == []


def set_account(world: World, **fields: str) -> None:
    item = {"pk": keys.account(ACCOUNT), "sk": f"{keys.LINKED_ACCOUNT}la_1", "provider": "WHATSAPP", **fields}
    world.store.client.put_item(TableName="expunge", Item={name: {"S": each} for name, each in item.items()})
