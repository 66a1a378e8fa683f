"""What the console's pages are given, over ASGI on moto's table."""

import json
import zlib
from typing import Any

import pytest

import delete_inbound_messages
from cli.console.application import Console
from cli.dynamodb import soon
from expunge.deletions import brakes, holding
from expunge.deletions.covered import Covered
from expunge.table import keys
from tests.cli.browsing import HOST, ask
from tests.world import ACCOUNT, KEY, World, call, message_id

HOSTILE = "<img src=x onerror=alert(1)>\u202e\"'&"


def deleted(world: World, *numbers: int) -> str:
    """Delete messages by a request, and give its id."""
    world.api_key()
    for number in numbers:
        world.message(number, status="queued")
    reply = call(delete_inbound_messages.handler, query={"status": "queued"})
    assert reply.data["deleted"] == len(numbers)
    return str(reply.body["meta"]["request_id"])


def test_messages_are_counted_by_family_and_state(console: Console, world: World) -> None:
    deleted(world, 1, 2)
    world.message(3)
    world.event(4)
    tombstone = {"pk": keys.message("OUTBOUND", ACCOUNT, message_id(5)), "sk": keys.MESSAGE}
    world.store.client.put_item(
        TableName=world.store.table,
        Item={name: {"S": value} for name, value in tombstone.items()}
        | {"purged_at": {"S": "2026-04-05T14:23:11.000Z"}, "keep_until": {"N": "1893456000"}},
    )

    counted = ask(console, "/console/overview").json

    assert counted["families"] == {
        "inbound": {"live": 1, "bin": 2, "gone": 0},
        "pull": {"live": 1, "bin": 0, "gone": 0},
        "outbound": {"live": 0, "bin": 0, "gone": 1},
        "linked": {"live": 0, "bin": 0, "gone": 0},
        "channel": {"live": 0, "bin": 0, "gone": 0},
    }
    assert counted["complete"] is True
    [gone] = ask(console, "/console/messages?family=outbound&state=gone").json["messages"]
    assert (gone["id"], gone["purged_at"], gone["keep_until"]) == (
        message_id(5),
        "2026-04-05T14:23:11.000Z",
        "2030-01-01T00:00:00.000Z",
    )


def test_the_bin_says_who_when_and_until_when(console: Console, world: World) -> None:
    request_id = deleted(world, 1)
    [row] = ask(console, f"/console/messages?family=inbound&state=bin&owner={ACCOUNT}").json["messages"]
    assert row["id"] == message_id(1)
    assert row["delete_request_id"] == request_id
    assert row["deleted_by"].startswith("key_")
    assert row["deleted_at"] < row["purge_at"]
    assert ask(console, "/console/messages?family=inbound&state=bin&owner=acc_2").json == {"messages": []}
    assert ask(console, "/console/messages?family=inbound&state=live").json == {"messages": []}


def test_a_message_is_shown_with_its_content_as_dump_prints_it(console: Console, world: World) -> None:
    world.message(1, payload={"text": HOSTILE})
    [row] = ask(console, "/console/messages?family=inbound&state=live").json["messages"]
    shown = ask(console, f"/console/message?key={row['key'].replace('#', '%23')}").json
    assert (shown["kind"], shown["id"]) == ("inbound_message", message_id(1))
    assert shown["payload"] == {"text": HOSTILE}


@pytest.mark.parametrize(
    ("sk", "spoilt"),
    [
        (keys.MESSAGE, {"kind": {"S": "postcard"}}),
        (keys.MESSAGE, {"status": {"N": "1"}, "received_at": {"BOOL": True}}),
        (keys.CONTENT, {"payload": {"B": b"no zlib"}}),
        (keys.CONTENT, {"payload": {"B": zlib.compress(b"no JSON")}}),
    ],
)
def test_a_message_that_another_writer_has_spoilt_is_shown_as_far_as_it_can_be_read(
    console: Console, world: World, sk: str, spoilt: dict[str, Any]
) -> None:
    world.message(1)
    world.message(2)
    place = {"pk": {"S": keys.message("INBOUND", ACCOUNT, message_id(1))}, "sk": {"S": sk}}
    table, client = world.store.table, world.store.client
    before = client.get_item(TableName=table, Key=place).get("Item", {})
    client.put_item(TableName=table, Item=before | place | spoilt)

    rows = ask(console, "/console/messages?family=inbound&state=live").json["messages"]
    assert {row["id"] for row in rows} == {message_id(1), message_id(2)}
    [row] = [row for row in rows if row["id"] == message_id(1)]
    assert ask(console, f"/console/message?key={row['key'].replace('#', '%23')}").json == row | {
        "unreadable": "The message cannot be read; `expunge check` says what is wrong with it"
    }


def test_what_is_dated_by_no_time_is_counted_and_listed(console: Console, world: World) -> None:
    """Another writer may leave flags that lack something, or numbers that are no times."""
    deleted(world, 1)
    dated = ask(console, "/console/overview").json["next_purge"]
    gone = {"purged_at": {"S": "2026-04-05T14:23:11.000Z"}, "keep_until": {"N": "1E+30"}}
    for number, flags in (
        (2, {"deleted_at": {"N": "1"}}),
        (3, {"deleted_at": {"S": "yesterday"}}),
        (4, gone),
    ):
        pk = keys.message("INBOUND", ACCOUNT, message_id(number))
        item = {"pk": {"S": pk}, "sk": {"S": keys.MESSAGE}, **flags}
        world.store.client.put_item(TableName=world.store.table, Item=item)

    counted = ask(console, "/console/overview").json
    assert counted["families"]["inbound"] == {"live": 0, "bin": 3, "gone": 1}
    assert counted["next_purge"] == dated
    assert len(ask(console, "/console/messages?family=inbound&state=bin").json["messages"]) == 3
    [row] = ask(console, "/console/messages?family=inbound&state=gone").json["messages"]
    assert float(row["keep_until"]) == 1e30


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (
            "/console/messages?family=letters&state=live",
            "family must be one of inbound, pull, outbound, linked, ",
        ),
        ("/console/messages?family=pull&state=lost", "state must be one of live, bin, gone."),
        ("/console/messages?family=pull&state=live&cursor=x", "cursor must be one that an answer gave."),
        ("/console/message?key=API_KEY%23abc", "there is no such message any more."),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_with_a_sentence(
    console: Console, target: str, sentence: str
) -> None:
    answer = ask(console, target)
    assert answer.status == 400
    assert answer.json["message"].startswith(sentence)


def test_keys_and_secrets_cannot_be_looked_at(console: Console, world: World) -> None:
    world.api_key()
    [item] = world.store.client.scan(TableName=world.store.table)["Items"]
    pk = item["pk"]["S"].replace("#", "%23")
    assert ask(console, f"/console/message?key={pk}").status == 400
    assert KEY.encode() not in b"".join(
        ask(console, path).body for path in ("/console/about", "/console/overview", "/console/deletions")
    )


def test_a_deletion_is_listed_looked_up_and_restored_by_the_operator(console: Console, world: World) -> None:
    request_id = deleted(world, 1, 2)

    [listed] = ask(console, "/console/deletions").json["deletions"]
    found = ask(console, f"/console/deletions/{request_id}").json
    restored = ask(
        console,
        f"/console/deletions/{request_id}/restore",
        "POST",
        HOST | {"content-type": "application/json"},
        json.dumps({"message_ids": [message_id(1)]}).encode(),
    )

    assert (listed["id"], listed["account_id"], listed["filters"]["status"]) == (
        request_id,
        ACCOUNT,
        ["queued"],
    )
    assert found["deletion"]["deleted"] == 2
    assert [each["state"] for each in found["messages"]] == ["deleted", "deleted"]
    assert restored.json == {"restored": 1}
    [row] = ask(console, "/console/messages?family=inbound&state=live").json["messages"]
    assert (row["id"], row["restored_by"]) == (message_id(1), "operator")


def test_a_restore_must_be_json_and_name_what_is_there(console: Console, world: World) -> None:
    request_id = deleted(world, 1)
    target, kind = f"/console/deletions/{request_id}/restore", {"content-type": "application/json"}
    form = ask(console, target, "POST", HOST | {"content-type": "text/plain"}, b"{}")
    none = ask(console, target, "POST", HOST | kind, b'{"message_ids": []}')
    unknown = ask(console, "/console/deletions/req_nobody/restore", "POST", HOST | kind, b"{}")
    assert (form.status, none.status, unknown.status) == (400, 400, 409)
    assert unknown.json["message"].startswith("there is no deletion with the id 'req_nobody'")
    assert ask(console, f"/console/deletions/{request_id}").json["deletion"]["deleted"] == 1


def test_the_contract_for_the_pages_is_filled_in_with_the_demo_s_ids(console: Console) -> None:
    contract = ask(console, "/openapi.json").json
    assert contract["servers"] == [{"url": "/"}]
    for path, item in contract["paths"].items():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                if parameter.get("in") == "path" and parameter["name"] != "request_id":
                    assert parameter["example"], path
    batch = contract["paths"]["/v1/inbound-messages/delete-batch"]["post"]
    assert len(batch["requestBody"]["content"]["application/json"]["example"]["message_ids"]) == 2


def test_holds_and_the_purge_s_state_are_told_as_the_commands_print_them(
    console: Console, world: World
) -> None:
    covered = Covered(account_id=ACCOUNT)
    placed = holding.place(world.store, covered, reason=HOSTILE, by="counsel", deadline=soon())
    brakes.write(world.store, paused=True, by="operator", deadline=soon())

    assert ask(console, "/console/holds").json == {"holds": [placed.told()]}
    purge = ask(console, "/console/purge").json
    assert (purge["status"]["paused"], purge["status"]["by"], purge["runs"]) == (True, "operator", [])
