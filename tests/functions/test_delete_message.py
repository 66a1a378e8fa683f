"""One route, two families: a UUID names an outbound message, any other id one of a linked account."""

import pytest

from delete_message import handler
from tests.functions.linked.message import ALIAS, GOOD
from tests.world import World, call

UUID = "01935abc-def0-7123-4567-000000000001"


@pytest.fixture(autouse=True)
def known(world: World) -> None:
    world.api_key()


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
