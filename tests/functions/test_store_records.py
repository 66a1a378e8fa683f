"""What the queue brings is stored, and what is wrong with it is told, line by line."""

import json
from typing import Any

import pytest

from delete_inbound_messages import handler as delete_inbound
from tests.functions.queued import Logged, body, failed, send, stored
from tests.layer.stored import inbound
from tests.world import INBOUND, World, call, message_id


def test_a_body_is_a_record_or_several_a_line_each(world: World) -> None:
    reply = send(body(inbound(1)), body(inbound(2), "", inbound(3), "\r"))
    assert reply == {"batchItemFailures": [], "stored": 3, "rejected": []}
    assert stored(world) == {message_id(1), message_id(2), message_id(3)}


def test_a_line_separator_within_a_text_ends_no_line(world: World) -> None:
    record = json.dumps(inbound(1, payload="a\u2028b\x85c"), ensure_ascii=False)
    assert send(record)["stored"] == 1
    assert stored(world) == {message_id(1)}


def test_a_body_with_a_bad_line_fails_as_a_whole_and_its_good_lines_are_stored(
    world: World, logged: Logged
) -> None:
    secret = inbound(2, status="secret-content", payload="secret-content")
    reply = send(body(inbound(1), secret, "not JSON: secret-content", inbound(3)), body(inbound(4)))

    rule = "status must be queued, delivering, succeeded, pending_retry or failed_permanent"
    assert reply == {
        "batchItemFailures": [{"itemIdentifier": "m0"}],
        "stored": 3,
        "rejected": [
            {"itemIdentifier": "m0", "line": 2, "reason": rule},
            {"itemIdentifier": "m0", "line": 3, "reason": "the line is not JSON"},
        ],
    }
    assert stored(world) == {message_id(1), message_id(3), message_id(4)}
    lines = logged()
    assert "secret-content" not in json.dumps(lines)
    [told] = [line for line in lines if "message_id" in line]
    assert (told["message_id"], told["rejected"]) == ("m0", 2)
    assert told["lines"] == [
        {"line": 2, "reason": rule},
        {"line": 3, "reason": "the line is not JSON"},
    ]
    [metrics] = [line for line in lines if "RecordsRejected" in line]
    assert (metrics["RecordsStored"], metrics["RecordsRejected"], metrics["BodiesNotStored"]) == (
        [3.0],
        [2.0],
        [0.0],
    )


def test_what_a_line_calls_its_fields_may_be_content_and_is_not_told(world: World, logged: Logged) -> None:
    reply = send(body(inbound(1, **{"secret-content": 1})))

    [rejected] = reply["rejected"]
    assert rejected["reason"].startswith("inbound_message has only the fields kind, ")
    assert "secret-content" not in json.dumps([reply, logged()])
    assert stored(world) == set()


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "api_key", "key": "hb_secret", "account_id": "acc_1"},
        {"kind": "api_key", "key_id": "key_1", "account_id": "acc_1"},
        {
            "kind": "keyset",
            "sub_key": "s",
            "pub_key": "p",
            "access_manager": True,
            "delete_from_history": True,
        },
        {
            "kind": "auth_grant",
            "sub_key": "s",
            "auth_key": "a",
            "channels": ["ch1"],
            "permissions": ["delete"],
        },
        {"kind": "inbound_endpoint", "account_id": "acc_1", "id": INBOUND},
        {"kind": "linked_account", "account_id": "acc_1", "id": "la_1", "provider": "WHATSAPP"},
    ],
    ids=lambda record: record["kind"],
)
def test_only_messages_are_taken_from_the_queue(world: World, record: dict[str, Any]) -> None:
    reply = send(json.dumps(record))
    reason = f"{record['kind']} is not taken from the queue; load it by `expunge load`"
    assert (failed(reply), reply["rejected"]) == (
        ["m0"],
        [{"itemIdentifier": "m0", "line": 1, "reason": reason}],
    )
    assert world.store.client.scan(TableName=world.store.table)["Count"] == 0


@pytest.mark.parametrize("kind", ["message", "", None, ["inbound_message"]])
@pytest.mark.usefixtures("world")
def test_of_a_kind_that_is_none_those_are_named_that_the_queue_takes(kind: Any) -> None:
    [rejected] = send(json.dumps({"kind": kind}))["rejected"]
    kinds = "inbound_message, pull_event, outbound_message, linked_message, channel_message"
    assert rejected["reason"] == f"kind must be one of {kinds}"


@pytest.mark.parametrize("text", [" ", "\n\n"])
@pytest.mark.usefixtures("world")
def test_a_body_without_any_record_is_rejected(text: str) -> None:
    reply = send(text)
    assert (failed(reply), [each["reason"] for each in reply["rejected"]]) == (
        ["m0"],
        ["the body holds no record"],
    )


@pytest.mark.parametrize(
    "text", ["\ud800", '{"kind":"\ud800"}', "[" * 5000, "9" * 5000, "\x00", "null", "1e999"]
)
@pytest.mark.usefixtures("world")
def test_no_body_ends_the_function(text: str) -> None:
    reply = send(text, body(inbound(1)))
    assert (failed(reply), reply["stored"], len(reply["rejected"])) == (["m0"], 1, 1)


@pytest.mark.usefixtures("world")
def test_of_a_million_bad_lines_a_thousand_are_told() -> None:
    reply = send("x\n" * 20_000)
    assert (failed(reply), len(reply["rejected"])) == (["m0"], 1000)


@pytest.mark.usefixtures("world")
def test_an_answer_is_never_larger_than_lambda_takes() -> None:
    line = json.dumps({"kind": "inbound_message", "\U0001f600" * 64: 1}, ensure_ascii=False)
    reply = send(*["\n".join([line] * 1000)] * 10)
    assert len(failed(reply)) == 10
    assert {each["itemIdentifier"] for each in reply["rejected"]} == set(failed(reply))
    assert len(json.dumps(reply)) < 6_000_000


def test_a_deleted_message_is_left_alone_and_that_is_no_failure(world: World, logged: Logged) -> None:
    world.api_key()
    send(body(inbound(1, payload="old")))
    call(delete_inbound)
    before = world.items()
    assert send(body(inbound(1, payload="new", version=7))) == {
        "batchItemFailures": [],
        "stored": 0,
        "rejected": [],
    }
    assert world.items() == before
    assert [line["RecordsLeftAlone"] for line in logged() if "RecordsLeftAlone" in line] == [[0.0], [1.0]]


def test_a_late_version_changes_nothing(world: World) -> None:
    send(body(inbound(1, status="succeeded", version=2)))
    assert send(body(inbound(1, version=1)))["stored"] == 0
    assert [item["status"] for item in world.items()] == ["succeeded"]


def test_the_same_batch_again_changes_nothing(world: World) -> None:
    bodies = [body(inbound(1, payload=1)), body(inbound(2, version=1))]
    send(*bodies)
    before = world.store.client.scan(TableName=world.store.table)["Items"]
    assert failed(send(*bodies)) == []
    assert world.store.client.scan(TableName=world.store.table)["Items"] == before
