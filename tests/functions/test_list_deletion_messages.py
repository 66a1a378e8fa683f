"""Listing what a deletion was about."""

import pytest

from delete_inbound_messages import handler as delete_all
from list_deletion_messages import handler as list_messages
from list_deletions import handler as list_deletions
from tests.world import World, call


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.customer()


def test_messages_come_in_the_order_of_the_answer_page_by_page(world: World) -> None:
    for number in range(5):
        world.message(number)
    done = call(delete_all)
    path = {"request_id": done.headers["x-request-id"]}

    first = call(list_messages, path=path, query={"limit": "3"}).data
    second = call(list_messages, path=path, query={"limit": "3", "cursor": first["cursor"]}).data

    found = [each["id"] for page in (first, second) for each in page["messages"]]
    assert found == done.data["deleted_message_ids"]
    assert "cursor" not in second


@pytest.mark.parametrize("cursor", ["", "x", "ü", "cmVxXzE", "MiNyZXFfMQ", "A" * 5000, "MjAyNg=="])
def test_a_cursor_that_was_not_given_is_refused(cursor: str) -> None:
    done = call(delete_all)
    sentence = "cursor must be one that the page before this one gave"
    path = {"request_id": done.headers["x-request-id"]}

    for handler in (list_deletions, list_messages):
        reply = call(handler, path=path, query={"cursor": cursor})
        assert reply.error == (400, "INVALID_REQUEST", sentence)
