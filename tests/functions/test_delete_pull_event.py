import pytest

from delete_pull_event import handler
from tests.world import PULL, Reply, World, call, message_id

OTHER = "01935abc-0000-7000-8000-0000000000ff"


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.api_key()
    world.pull_endpoint()


def delete(identity: str, endpoint: str = PULL) -> Reply:
    return call(handler, path={"id": endpoint, "event_id": identity})


def test_an_event_is_deleted_once_and_keeps_its_time_afterwards(world: World) -> None:
    event = world.event(1)

    first = delete(event)
    again = delete(event)

    [item] = world.items()
    expected = {"event_id": event, "deleted_at": item["deleted_at"], "already_deleted": False}
    assert first.body == {"data": expected, "meta": {"request_id": item["delete_request_id"]}}
    assert again.data == {**expected, "already_deleted": True}
    assert world.deleted() == {event}


def test_an_event_of_another_endpoint_or_account_is_not_found(world: World) -> None:
    world.event(1, pull_endpoint_id=OTHER)
    world.event(2, account_id="acc_2")

    for number in (1, 2, 3):
        assert delete(message_id(number)).error == (404, "NOT_FOUND", "Event not found")
    assert delete(message_id(1), OTHER).status == 200
    assert world.deleted() == {message_id(1)}


def test_a_path_without_uuids_is_refused() -> None:
    a_uuid = "must be a UUID, such as 01935abc-def0-7123-4567-890abcdef012"
    assert delete("evt_1").error == (400, "INVALID_REQUEST", f"event_id {a_uuid}")
    assert delete(message_id(1), "ep_1").error == (400, "INVALID_REQUEST", f"id {a_uuid}")
