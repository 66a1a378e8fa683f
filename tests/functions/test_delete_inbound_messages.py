from collections.abc import Callable
from typing import Any

import pytest

from delete_inbound_messages import handler
from expunge.table import keys
from expunge.table.store import store
from tests.world import ACCOUNT, INBOUND, World, at, call, message_id

OTHER = "01935abc-0000-7000-8000-0000000000ff"


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.api_key()
    world.inbound_endpoint()


def test_without_filters_every_live_message_of_the_account_is_deleted(world: World) -> None:
    world.inbound_endpoint(OTHER)
    ids = [world.message(1, status="queued"), world.message(2, inbound_endpoint_id=OTHER)]

    reply = call(handler)

    assert reply.status == 200
    assert reply.body == {
        "data": {"deleted": 2, "deleted_message_ids": ids},
        "meta": {"request_id": reply.headers["x-request-id"]},
    }
    assert world.deleted() == set(ids)


def test_the_flags_name_who_deleted_when_for_which_request_and_until_when_it_can_be_restored(
    world: World,
) -> None:
    world.message(1)

    reply = call(handler, request_id="JKJaX/PLv+cESHA=")

    assert reply.headers["x-request-id"] == "req_JKJaX_PLv-cESHA"
    [item] = world.items()
    assert item["delete_request_id"] == "req_JKJaX_PLv-cESHA"
    assert item["deleted_by"].startswith("key_")
    assert len(item["deleted_at"]) == len("2026-04-05T14:23:11.123Z")
    assert item["purge_at"] > item["deleted_at"]
    assert item["status"] == "succeeded"


def test_a_second_request_finds_nothing_left(world: World) -> None:
    world.message(1)
    call(handler)
    before = world.items()

    reply = call(handler)

    assert reply.data == {"deleted": 0, "deleted_message_ids": []}
    assert world.items() == before


def test_content_is_kept_until_the_purge(world: World) -> None:
    world.message(1)
    call(handler)

    content = world.store.client.scan(TableName="expunge", FilterExpression="attribute_exists(payload)")
    assert content["Count"] == 1


@pytest.mark.parametrize(
    ("status", "matching"),
    [
        ("queued", {0}),
        ("failed_permanent,queued", {0, 4}),
        (" queued , delivering ", {0, 1}),
        ("queued,queued", {0}),
        ("queued,delivering,succeeded,pending_retry,failed_permanent", {0, 1, 2, 3, 4}),
    ],
)
def test_status_is_a_list_of_names(world: World, status: str, matching: set[int]) -> None:
    for number, name in enumerate(("queued", "delivering", "succeeded", "pending_retry", "failed_permanent")):
        world.message(number, status=name)

    call(handler, query={"status": status})

    assert world.deleted() == {message_id(number) for number in matching}


def test_a_repeated_parameter_counts_as_one_with_commas(world: World) -> None:
    queued, failed = world.message(1, status="queued"), world.message(2, status="failed_permanent")
    world.message(3)

    call(handler, query="status=queued&status=failed_permanent")

    assert world.deleted() == {queued, failed}


def test_an_endpoint_narrows_the_deletion(world: World) -> None:
    world.inbound_endpoint(OTHER)
    world.message(1)
    wanted = world.message(2, inbound_endpoint_id=OTHER)

    assert call(handler, query={"inbound_endpoint_id": OTHER.upper()}).data["deleted_message_ids"] == [wanted]
    assert world.deleted() == {wanted}


def test_the_window_includes_its_start_and_excludes_its_end(world: World) -> None:
    for second in range(5):
        world.message(second)

    reply = call(handler, query={"received_after": at(1), "received_before": at(3)})

    assert reply.data["deleted_message_ids"] == [message_id(1), message_id(2)]


def test_fractions_of_a_second_count_to_the_microsecond(world: World) -> None:
    world.message(1, received_at="2026-04-05T14:23:11.123455Z")
    inside = world.message(2, received_at="2026-04-05T16:23:11.123456+02:00")
    world.message(3, received_at="2026-04-05T14:23:11.123457Z")

    window = {
        "received_after": "2026-04-05t14:23:11.123456z",
        "received_before": "2026-04-05T14:23:11.123457Z",
    }
    assert call(handler, query=window).data["deleted_message_ids"] == [inside]


def test_a_plus_that_was_not_encoded_is_understood(world: World) -> None:
    world.message(1, received_at="2026-04-05T12:00:00Z")
    inside = world.message(2, received_at="2026-04-05T12:00:01Z")

    reply = call(handler, query="received_after=2026-04-05T14:00:01+02:00")

    assert reply.data["deleted_message_ids"] == [inside]


def test_at_most_limit_are_deleted_oldest_first_across_statuses(world: World) -> None:
    for number in (5, 3, 1, 4, 2):
        world.message(number, status="queued" if number % 2 else "succeeded")

    assert call(handler, query={"limit": "3"}).data["deleted_message_ids"] == [
        message_id(n) for n in (1, 2, 3)
    ]
    assert world.live() == {message_id(4), message_id(5)}


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


def test_an_endpoint_that_the_account_lacks_is_not_found(world: World) -> None:
    world.message(1)

    reply = call(handler, query={"inbound_endpoint_id": OTHER})

    assert reply.error == (400, "ENDPOINT_NOT_FOUND", "endpoint not found")
    assert world.deleted() == set()


def test_another_account_s_endpoint_is_answered_as_one_that_does_not_exist(world: World) -> None:
    world.inbound_endpoint(OTHER, account_id="acc_2")
    theirs = world.message(1, account_id="acc_2", inbound_endpoint_id=OTHER)

    reply = call(handler, query={"inbound_endpoint_id": OTHER})

    assert reply.error == (400, "ENDPOINT_NOT_FOUND", "endpoint not found")
    assert world.live() == {theirs}


def test_accounts_with_the_same_endpoint_and_message_ids_do_not_meet(world: World) -> None:
    world.inbound_endpoint(account_id="acc_2")
    world.message(1)
    world.message(1, account_id="acc_2")

    assert call(handler).data["deleted"] == 1
    assert [item["account_id"] for item in world.items() if "deleted_at" in item] == [ACCOUNT]


def test_a_message_that_stopped_matching_after_it_was_found_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, changed, last = (world.message(number, status="queued") for number in range(3))

    def retry_meanwhile() -> None:
        world.message(1, status="pending_retry")

    world.before_write(monkeypatch, retry_meanwhile)
    reply = call(handler, query={"status": "queued", "inbound_endpoint_id": INBOUND})

    assert reply.data["deleted_message_ids"] == [first, last]
    assert "error" not in reply.body
    assert world.live() == {changed}


def test_a_message_that_moved_to_another_matching_status_is_deleted_and_reported_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [world.message(number, status="queued") for number in range(3)]

    world.before_write(monkeypatch, lambda: world.message(1, status="succeeded"))
    reply = call(handler)

    assert reply.data["deleted"] == 3
    assert sorted(reply.data["deleted_message_ids"]) == ids
    assert "error" not in reply.body
    assert world.deleted() == set(ids)


def test_a_message_that_moved_out_of_the_window_meanwhile_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1, status="queued")
    moved = world.message(2, status="queued")

    world.before_write(monkeypatch, lambda: world.message(2, status="succeeded", received_at=at(99)))
    reply = call(handler, query={"received_before": at(50)})

    assert reply.data["deleted_message_ids"] == [message_id(1)]
    assert world.live() == {moved}


@pytest.mark.parametrize("query", [{}, {"inbound_endpoint_id": INBOUND}], ids=["account", "endpoint"])
@pytest.mark.parametrize("limit", [1, 100])
def test_a_message_that_moves_while_it_is_searched_for_is_found_twice_and_deleted_once(
    world: World, monkeypatch: pytest.MonkeyPatch, query: dict[str, str], limit: int
) -> None:
    ids = [world.message(number, status="queued") for number in range(3)]
    real = store().client.query

    def moved_after_the_first_status(**arguments: Any) -> Any:
        if "succeeded" in arguments["ExpressionAttributeValues"][":pk"]["S"]:
            for number in range(3):
                world.message(number, status="succeeded")
        return real(**arguments)

    monkeypatch.setattr("expunge.webhooks.delete_all._QUERIES_AT_ONCE", 1)
    monkeypatch.setattr(store().client, "query", moved_after_the_first_status)
    reply = call(handler, query={**query, "limit": str(limit)})

    assert reply.data == {"deleted": min(limit, 3), "deleted_message_ids": ids[:limit]}
    assert "error" not in reply.body
    assert world.deleted() == set(ids[:limit])


def test_a_flagged_message_that_a_writer_moved_back_among_the_living_is_not_deleted_again(
    world: World,
) -> None:
    world.message(1)
    call(handler)
    [flagged] = world.items()
    state_pk = keys.live("INBOUND", ACCOUNT, INBOUND, "succeeded")
    world.store.client.update_item(
        TableName=world.store.table,
        Key={"pk": {"S": flagged["pk"]}, "sk": {"S": keys.MESSAGE}},
        UpdateExpression="SET state_pk = :live, state_sk = :order",
        ExpressionAttributeValues={
            ":live": {"S": state_pk},
            ":order": {"S": keys.live_order(at(1), message_id(1))},
        },
    )
    [before] = world.items()

    reply = call(handler, query={"inbound_endpoint_id": INBOUND})

    assert reply.data == {"deleted": 0, "deleted_message_ids": []}
    assert world.items() == [before]


def test_a_message_that_someone_else_deleted_meanwhile_is_not_reported_and_others_take_its_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [world.message(number) for number in range(60)]
    other = []
    world.before_write(
        monkeypatch, lambda: other.extend(call(handler, query={"limit": "30"}).data["deleted_message_ids"])
    )

    reply = call(handler, query={"limit": "30"})

    assert other == ids[:30]
    assert reply.data == {"deleted": 30, "deleted_message_ids": ids[30:]}
    assert world.deleted() == set(ids)


def test_counts_are_published_as_metrics(world: World, logged: Callable[[], list[dict[str, Any]]]) -> None:
    world.message(1)
    call(handler)

    [metrics] = [line for line in logged() if "_aws" in line]
    assert metrics["family"] == "inbound"
    assert metrics["Deleted"] == [1.0]
    assert metrics["PartialFailures"] == [0.0]
