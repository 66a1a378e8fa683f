import pytest

from delete_outbound_message_batch import handler
from tests.world import World, call, message_id

OTHER = "01935abc-0000-7000-8000-0000000000ff"


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.api_key()


def test_each_entry_gets_its_outcome_whatever_endpoint_it_belongs_to(world: World) -> None:
    ids = [world.outbound_message(1), world.outbound_message(2, endpoint_id=OTHER)]
    world.outbound_message(3, account_id="acc_2")
    world.message(4)

    reply = call(handler, body={"message_ids": [*ids, message_id(3), message_id(4), "x", ids[0].upper()]})

    now = next(item["deleted_at"] for item in world.items() if item["id"] == ids[0])
    assert reply.body == {
        "data": {
            "results": [
                {"message_id": ids[0], "outcome": "deleted", "deleted_at": now},
                {"message_id": ids[1], "outcome": "deleted", "deleted_at": now},
                {"message_id": message_id(3), "outcome": "not_found"},
                {"message_id": message_id(4), "outcome": "not_found"},
                {"message_id": "x", "outcome": "not_found"},
                {"message_id": ids[0].upper(), "outcome": "already_deleted", "deleted_at": now},
            ],
            "deleted_count": 2,
            "already_deleted_count": 1,
            "not_found_count": 3,
        },
        "meta": {"request_id": reply.headers["x-request-id"]},
    }
    assert world.deleted() == set(ids)


def test_a_parameter_is_refused_and_nothing_is_deleted(world: World) -> None:
    message = world.outbound_message(1)

    reply = call(handler, query="status=queued", body={"message_ids": [message]})

    sentence = '"status" is not known: this call takes no parameters'
    assert reply.error == (400, "INVALID_REQUEST", sentence)
    assert world.deleted() == set()
