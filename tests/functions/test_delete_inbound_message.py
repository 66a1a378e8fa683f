import pytest

from delete_inbound_message import handler
from expunge.table import keys
from tests.world import ACCOUNT, Reply, World, call, message_id


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.api_key()


def delete(identity: str, query: str = "") -> Reply:
    return call(handler, path={"message_id": identity}, query=query)


def test_the_first_request_deletes_and_says_when(world: World) -> None:
    message = world.message(1)

    reply = delete(message)

    [item] = world.items()
    assert reply.status == 200
    assert reply.body == {
        "data": {"message_id": message, "deleted_at": item["deleted_at"], "already_deleted": False},
        "meta": {"request_id": reply.headers["x-request-id"]},
    }
    assert item["delete_request_id"] == reply.headers["x-request-id"]
    assert world.deleted() == {message}


def test_a_second_request_says_since_when_and_changes_nothing(world: World) -> None:
    message = world.message(1)
    first = delete(message).data
    before = world.items()

    assert delete(message.upper()).data == {**first, "already_deleted": True}
    assert world.items() == before


def test_a_message_that_is_not_there_or_of_another_account_or_family_is_not_found(world: World) -> None:
    world.message(1, account_id="acc_2")
    world.outbound_message(2)

    for number in (1, 2, 3):
        assert delete(message_id(number)).error == (404, "NOT_FOUND", "Message not found")
    assert world.deleted() == set()


@pytest.mark.parametrize("identity", ["", "x", "msg_01HXYZ4QK3WJ8FN3M6QH7TZ8GR", message_id(1) + "\n", "a#b"])
def test_an_id_that_is_no_uuid_is_refused(identity: str) -> None:
    message = "message_id must be a UUID, such as 01935abc-def0-7123-4567-890abcdef012"
    assert delete(identity).error == (400, "INVALID_REQUEST", message)


def test_a_parameter_is_refused_and_nothing_is_deleted(world: World) -> None:
    message = world.message(1)

    assert delete(message, query="limit=1").error == (
        400,
        "INVALID_REQUEST",
        '"limit" is not known: this call takes no parameters',
    )
    assert world.deleted() == set()


def test_it_is_found_by_its_id_alone_in_one_call_of_the_store(world: World, operations: list[str]) -> None:
    """Whatever the endpoint, which is not even there: its place follows from account and id."""
    message = world.message(1)
    delete(message_id(2))  # the key is known from now on
    operations.clear()

    assert delete(message).status == 200
    assert operations == ["TransactWriteItems"]
    assert world.items()[0]["pk"] == keys.message("INBOUND", ACCOUNT, message)
