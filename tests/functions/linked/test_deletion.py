"""A message of a linked account goes at its provider first, and then here, for good."""

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from expunge.deadline import Deadline
from expunge.deletions import holding
from expunge.deletions.covered import Covered
from tests.functions.linked.message import OTHER, PROVIDER_KEY, delete, is_live
from tests.upstream import Upstream, answer
from tests.world import ACCOUNT, KEY, LINKED, World, at


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


@pytest.mark.parametrize("status", [200, 401, 500])
def test_neither_reply_nor_log_holds_a_key_or_content(
    provider: Upstream, status: int, logged: Callable[[], list[Any]]
) -> None:
    provider.says(status, {"secret": "tell-tale"})

    reply = delete()

    told = json.dumps([reply.body, reply.headers, logged()])
    for secret in (KEY, PROVIDER_KEY, "see you at eight", "tell-tale"):
        assert secret not in told


def test_a_deletion_is_counted(logged: Callable[[], list[Any]]) -> None:
    delete()
    delete()

    metrics = [line for line in logged() if "_aws" in line]
    assert [(line["family"], line["Deleted"]) for line in metrics] == [("linked", [1.0])]
