"""Parameters and bodies that are wrong: they are named, and nothing is deleted."""

import pytest

from delete_inbound_messages import handler
from tests.world import World, call


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.api_key()
    world.inbound_endpoint()


KNOWN = "status, received_after, received_before, limit, dry_run, inbound_endpoint_id"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("statuss=failed_permanent&limit=1", "statuss"),
        ("Status=queued", "Status"),
        ("limit=1&event_type=order.created", "event_type"),
        ("created_after=2026-04-01T00:00:00Z", "created_after"),
        ("after=2026-04-01T00:00:00Z", "after"),
        ("=queued", ""),
        ("status=queued&%00%22%C3%A9", "????"),
        ("x" * 3000, "x" * 64 + "..."),
    ],
)
def test_a_parameter_that_is_not_known_is_refused_and_nothing_is_deleted(
    world: World, query: str, shown: str
) -> None:
    live = world.message(1)

    sentence = reply_to_unknown(query)

    assert sentence.endswith(f" is not known: the parameters of this call are {KNOWN}")
    assert sentence.startswith(f'"{shown}"' if shown != "????" else '"')
    assert sentence.isascii()
    assert world.live() == {live}


def reply_to_unknown(query: str) -> str:
    status, code, message = call(handler, query=query).error
    assert (status, code) == (400, "INVALID_REQUEST")
    return message


@pytest.mark.parametrize("body", ['{"status": "queued"}', '{"limit": 1}'])
def test_filters_in_the_body_are_refused_and_nothing_is_deleted(world: World, body: str) -> None:
    live = world.message(1)

    reply = call(handler, body=body)

    assert reply.error == (
        400,
        "INVALID_REQUEST",
        "payload must be empty: filters go into the query string",
    )
    assert world.live() == {live}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("status=queued", "payload must be valid JSON"),
        ("[1]", "payload must be a JSON object"),
        ("null", "payload must be a JSON object"),
        ("[" * 100_000, "payload must be valid JSON"),
    ],
)
def test_a_body_that_is_no_object_is_refused(world: World, body: str, message: str) -> None:
    live = world.message(1)

    assert call(handler, body=body).error == (400, "INVALID_REQUEST", message)
    assert world.live() == {live}


@pytest.mark.parametrize("body", ["", "  \r\n", "{}", " { } "])
def test_a_body_that_says_nothing_is_fine(world: World, body: str) -> None:
    world.message(1)

    assert call(handler, body=body).data["deleted"] == 1


STATUS = (
    "status must be a comma-separated list of queued, delivering, succeeded, pending_retry, failed_permanent"
)
TIME = "an RFC 3339 time with an offset, such as 2026-04-05T14:23:11Z"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "limit must be a whole number from 1 to 1000"),
        ("limit=1001", "limit must be a whole number from 1 to 1000"),
        ("limit=", "limit must be a whole number from 1 to 1000"),
        ("limit=-1", "limit must be a whole number from 1 to 1000"),
        ("limit=1.0", "limit must be a whole number from 1 to 1000"),
        ("limit=1e2", "limit must be a whole number from 1 to 1000"),
        ("limit=%D9%A1", "limit must be a whole number from 1 to 1000"),
        ("limit=1&limit=2", "limit must be a whole number from 1 to 1000"),
        ("limit=" + "9" * 5000, "limit must be a whole number from 1 to 1000"),
        (
            "status=done",
            STATUS,
        ),
        (
            "status=queued,",
            STATUS,
        ),
        (
            "status=",
            STATUS,
        ),
        (
            "status=Queued",
            STATUS,
        ),
        (
            "inbound_endpoint_id=ep_1",
            "inbound_endpoint_id must be a UUID, such as 01935abc-def0-7123-4567-890abcdef012",
        ),
        ("received_after=", f"received_after must be {TIME}"),
        ("received_after=2026-04-05", f"received_after must be {TIME}"),
        ("received_after=2026-04-05T14:23:11", f"received_after must be {TIME}"),
        ("received_before=2026-02-30T00:00:00Z", f"received_before must be {TIME}"),
        ("received_before=2026-04-05T24:00:00Z", f"received_before must be {TIME}"),
        ("received_before=1775399000", f"received_before must be {TIME}"),
        (
            "received_after=2026-04-05T14:00:00Z&received_before=2026-04-05T16:00:00%2B02:00",
            "received_after must be earlier than received_before",
        ),
    ],
)
def test_a_wrong_parameter_is_named_and_nothing_is_deleted(world: World, query: str, message: str) -> None:
    world.message(1)

    assert call(handler, query=query).error == (400, "INVALID_REQUEST", message)
    assert world.deleted() == set()
