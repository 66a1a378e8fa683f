"""DELETE /v1/messages/{message_id}, with a provider that is a real server on loopback."""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from delete_message import handler
from expunge import settings, timestamps
from expunge.deadline import Deadline
from expunge.deletions import holding
from expunge.deletions.covered import Covered
from expunge.linked import providers
from expunge.linked.messages import Claim
from expunge.linked.provider_keys import KeyUnavailable
from expunge.problems import CATALOGUE
from expunge.table import keys
from expunge.table.store import store
from tests.disturbances import LateWrites
from tests.upstream import Upstream, answer, upstream
from tests.world import ACCOUNT, KEY, LINKED, Context, Reply, RunningOut, World, at, call

OTHER = LINKED[:-1] + "0"
PROVIDER_KEY = "provider-key"
GOOD = {"x-api-key": KEY}
ALIAS = "DELETE /api/v1/messages/{message_id}"
GONE = {"type": "errors/resource_not_found"}


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.api_key()
    world.linked_account()
    world.linked_message()


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    with upstream() as there:
        settings.provider.cache_clear()
        for name in ("WHATSAPP", "LINKEDIN"):
            monkeypatch.setenv(f"{name}_BASE_URL", there.url)
            monkeypatch.setenv(f"{name}_KEY_NAME", f"/keys/{name.lower()}")
        monkeypatch.setattr(providers, "provider_key", lambda name: f"{PROVIDER_KEY}-of{name}")
        yield there
        settings.provider.cache_clear()


def delete(
    message_id: str = LINKED, *, headers: Mapping[str, str] = GOOD, context: Context | None = None
) -> Reply:
    return call(handler, path={"message_id": message_id}, headers=headers, context=context)


def is_live(world: World) -> bool:
    """Whether the message is as it was loaded: unflagged, unclaimed, with its content."""
    [item] = world.items()
    stored = world.store.client.scan(TableName="expunge", FilterExpression="attribute_exists(payload)")
    unflagged = not {"deleted_at", "erased_at", "state_pk", "claim_id", "claim_until"} & set(item)
    return unflagged and stored["Count"] == 1


def test_a_message_is_deleted_at_the_provider_and_then_flagged_and_erased_for_good(
    world: World, provider: Upstream
) -> None:
    reply = delete()

    assert (reply.status, reply.body) == (200, {"object": "MessageDeleted"})
    [asked] = provider.asked
    assert asked.line == "DELETE /api/v1/messages/wamid%2E1 HTTP/1.1"
    assert asked.headers["X-API-KEY"] == "provider-key-of/keys/whatsapp"
    assert world.deleted() == {LINKED}
    [item] = world.items()
    assert item["delete_request_id"] == reply.headers["x-request-id"]
    assert item["deleted_by"].startswith("key_")
    assert item["purge_at"] == item["erased_at"] == item["deleted_at"]
    assert not {"claim_id", "claim_until"} & set(item)
    assert "payload" not in str(world.store.client.scan(TableName="expunge")["Items"])


def test_a_message_without_content_is_deleted_likewise(world: World) -> None:
    record = {"kind": "linked_message", "account_id": ACCOUNT, "linked_account_id": "la_1"}
    world.load(record | {"id": OTHER, "provider_message_id": "wamid.2", "sent_at": at(0)})

    assert delete(OTHER).status == 200
    assert world.deleted() == {OTHER}


@pytest.mark.parametrize(
    "covered",
    [
        Covered(account_id=ACCOUNT),
        Covered(account_id=ACCOUNT, endpoint_id="la_1"),
        Covered(account_id=ACCOUNT, messages=(LINKED,)),
        Covered(account_id=ACCOUNT, endpoint_id="la_1", messages=(LINKED,)),
    ],
)
def test_a_held_message_is_refused_before_the_provider_is_asked_until_the_hold_is_released(
    world: World, provider: Upstream, covered: Covered
) -> None:
    deadline = Deadline.never()
    first, second = (
        holding.place(world.store, covered, reason="case 12", by="legal", deadline=deadline) for _ in range(2)
    )

    for hold in (first, second):
        reply = delete()
        assert reply.problem == (403, "insufficient_permissions")
        assert reply.body["detail"] == "A legal hold covers this message: it must be kept"
        assert provider.asked == []
        assert is_live(world)
        holding.release(world.store, hold.id, by="legal", deadline=deadline)

    assert delete().status == 200


@pytest.mark.parametrize(
    "covered",
    [
        Covered(account_id="acc_2"),
        Covered(account_id=ACCOUNT, endpoint_id="la_2"),
        Covered(account_id=ACCOUNT, messages=(OTHER,)),
        Covered(account_id=ACCOUNT, endpoint_id="la_2", messages=(LINKED,)),
        Covered(sub_key=ACCOUNT),
    ],
)
def test_a_hold_on_something_else_does_not_matter(world: World, covered: Covered) -> None:
    holding.place(world.store, covered, reason="case 12", by="legal", deadline=Deadline.never())

    assert delete().status == 200


def test_a_provider_that_cannot_delete_is_named_before_a_hold_is(world: World) -> None:
    world.linked_account(provider="TELEGRAM")
    covered = Covered(account_id=ACCOUNT)
    holding.place(world.store, covered, reason="case 12", by="legal", deadline=Deadline.never())

    assert delete().problem == (403, "account_mismatch")


def test_nothing_is_flagged_before_the_provider_says_yes(world: World, provider: Upstream) -> None:
    seen: list[dict[str, str]] = []

    def look(connection: socket.socket) -> None:
        seen.extend(world.items())
        connection.sendall(answer(200))

    provider.reaction = look

    delete()

    [item] = seen
    assert set(item) - {"claim_id", "claim_until"} == {
        "pk",
        "sk",
        "kind",
        "account_id",
        "id",
        "linked_account_id",
        "provider_message_id",
        "sent_at",
    }


def test_a_deletion_with_a_known_key_takes_three_calls_of_the_store_and_one_of_the_provider(
    provider: Upstream, calls: list[tuple[str, Any]]
) -> None:
    delete("nonsense")
    calls.clear()

    assert delete().status == 200

    assert [name for name, _ in calls] == ["UpdateItem", "BatchGetItem", "TransactWriteItems"]
    assert len(provider.asked) == 1


# Credentials


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


# The message


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


# Its account


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


# What the provider answers


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


@pytest.mark.parametrize("status", [200, 401, 500])
def test_neither_reply_nor_log_holds_a_key_or_content(
    provider: Upstream, status: int, logged: Callable[[], list[Any]]
) -> None:
    provider.says(status, {"secret": "tell-tale"})

    reply = delete()

    told = json.dumps([reply.body, reply.headers, logged()])
    for secret in (KEY, PROVIDER_KEY, "see you at eight", "tell-tale"):
        assert secret not in told


# One request at a time


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


# The store


def refusal(code: str, status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Operation")


LOST = ReadTimeoutError(endpoint_url="https://dynamodb.example")


@pytest.fixture
def disturb(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the first call of an operation fail, before or after it was carried out, or all of them."""

    def disturb(operation: str, error: Exception, *, done: bool = False, forever: bool = False) -> None:
        client = store().client
        real = getattr(client, operation)
        left = [error]

        def disturbed(**arguments: Any) -> Any:
            if not left:
                return real(**arguments)
            if not forever:
                left.pop()
            if done:
                real(**arguments)
            raise error

        monkeypatch.setattr(client, operation, disturbed)

    return disturb


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


def test_a_deletion_is_counted(logged: Callable[[], list[Any]]) -> None:
    delete()
    delete()

    metrics = [line for line in logged() if "_aws" in line]
    assert [(line["family"], line["Deleted"]) for line in metrics] == [("linked", [1.0])]


UUID = "01935abc-def0-7123-4567-000000000001"


def test_a_uuid_names_an_outbound_message_and_is_answered_in_its_envelope(world: World) -> None:
    world.outbound_message(1)

    reply = call(handler, path={"message_id": UUID})

    item = next(item for item in world.items() if item.get("id") == UUID)
    assert reply.body == {
        "data": {"message_id": UUID, "deleted_at": item["deleted_at"], "already_deleted": False},
        "meta": {"request_id": reply.headers["x-request-id"]},
    }
    assert call(handler, path={"message_id": UUID}).data["already_deleted"] is True


def test_a_uuid_of_no_outbound_message_is_not_found_in_that_envelope(world: World) -> None:
    world.outbound_message(1, account_id="acc_2")

    assert call(handler, path={"message_id": UUID}).error == (404, "NOT_FOUND", "Message not found")


def test_a_key_for_one_family_is_not_good_for_the_other(world: World) -> None:
    world.outbound_message(1)
    world.api_key("hb_linked", scopes=["messages:delete"])
    headers = {"authorization": "Bearer hb_linked"}

    assert call(handler, path={"message_id": UUID}, headers=headers).error == (
        403,
        "FORBIDDEN",
        "This API key lacks the scope outbound:delete",
    )


def test_the_alias_is_always_a_linked_accounts(world: World) -> None:
    world.outbound_message(1)

    reply = call(
        handler,
        path={"message_id": UUID},
        headers=GOOD,
        route=ALIAS,
    )

    assert reply.problem == (404, "invalid_resource_identifier")
    assert all("deleted_at" not in item for item in world.items())
