"""What happens to messages is told on the bus, and nothing else is."""

import base64
import json

import boto3
import pytest

import delete_channel_history
import delete_inbound_messages
import delete_message
import delete_outbound_messages
import delete_pull_events
import purge
import restore_deletion
from expunge.settings import provider
from publish_deletions import handler
from tests.functions.changing import DELETED_AT, REQUEST, flags, pk
from tests.stream import Bus, changed, deliver, filtered, read_stream
from tests.upstream import upstream
from tests.world import ACCOUNT, KEY, LINKED, PULL, SUB_KEY, Context, World, at, call, message_id

SECRET = "must-not-be-told"


def key_id(world: World) -> str:
    return next(item["deleted_by"] for item in world.items() if "deleted_by" in item)


def test_a_deletion_its_restore_and_a_purge_are_an_event_each(streamed: World, bus: Bus) -> None:
    ids = [streamed.message(1), streamed.message(2)]
    deleted = call(delete_inbound_messages.handler)
    request_id = deleted.headers["x-request-id"]
    by = key_id(streamed)
    deleted_at = streamed.items()[0]["deleted_at"]
    call(restore_deletion.handler, path={"request_id": request_id}, body={"message_ids": ids[:1]})
    [restored_at] = [item["restored_at"] for item in streamed.items() if "restored_at" in item]
    purge.handler({"time": "2999-01-01T00:00:00Z", "force": True}, Context())

    assert deliver(handler, filtered(read_stream("expunge"))) == []

    purged_at = bus.events[-1][1]["at"]
    whose = {"family": "inbound", "account_id": ACCOUNT, "request_id": request_id}
    assert bus.events == [
        ("Messages Deleted", {**whose, "by": by, "at": deleted_at, "ids": ids}),
        ("Messages Restored", {**whose, "by": by, "at": restored_at, "ids": ids[:1]}),
        ("Messages Purged", {**whose, "by": "purge", "at": purged_at, "ids": ids[1:]}),
    ]
    assert list(bus.events[0][1]) == ["family", "account_id", "request_id", "by", "at", "ids"]


def test_pull_events_and_outbound_messages_are_told_likewise(streamed: World, bus: Bus) -> None:
    event, outbound = streamed.event(1), streamed.outbound_message(2)
    first = call(delete_pull_events.handler, path={"id": PULL}).headers["x-request-id"]
    second = call(delete_outbound_messages.handler).headers["x-request-id"]

    deliver(handler, filtered(read_stream("expunge")))

    told = [(kind, detail["family"], detail["request_id"], detail["ids"]) for kind, detail in bus.events]
    assert told == [
        ("Messages Deleted", "pull", first, [event]),
        ("Messages Deleted", "outbound", second, [outbound]),
    ]


def test_a_linked_message_is_told_when_it_is_erased_not_when_it_is_claimed(
    streamed: World, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    streamed.linked_message()
    boto3.client("ssm").put_parameter(Name="/key", Value="key", Type="SecureString")
    with upstream() as there:
        there.says(500)
        monkeypatch.setenv("WHATSAPP_BASE_URL", there.url)
        monkeypatch.setenv("WHATSAPP_KEY_NAME", "/key")
        provider.cache_clear()
        headers = {"x-api-key": KEY}
        call(delete_message.handler, path={"message_id": LINKED}, headers=headers)
        there.says(200)
        reply = call(delete_message.handler, path={"message_id": LINKED}, headers=headers)
    provider.cache_clear()

    deliver(handler, filtered(read_stream("expunge")))

    [(kind, detail)] = bus.events
    assert (kind, detail["family"], detail["ids"]) == ("Messages Deleted", "linked", [LINKED])
    assert detail["request_id"] == reply.headers["x-request-id"]


def test_a_deletion_of_channel_history_is_told_and_so_are_its_messages(streamed: World, bus: Bus) -> None:
    streamed.channel_messages("ch1", 7, 8)
    streamed.channel_messages("a#b é", 9)
    reply = call(
        delete_channel_history.handler,
        path={"sub_key": SUB_KEY, "channels": "ch1,a#b é"},
        query={"start": "100", "end": "8"},
    )

    deliver(handler, filtered(read_stream("expunge")))

    deleted_at = next(item["deleted_at"] for item in streamed.items() if "deleted_at" in item)
    common = {"request_id": reply.headers["x-request-id"], "by": SUB_KEY, "at": deleted_at}
    history, *others = bus.events
    asked = {"sub_key": SUB_KEY, "channels": ["ch1", "a#b é"], "start": "100", "end": "8"}
    assert history == ("Channel History Deleted", asked | common)
    whose = {"family": "channel", "sub_key": SUB_KEY}
    assert sorted(others, key=lambda each: each[1]["ids"]) == [
        ("Messages Deleted", {**whose, "channel": "ch1", **common, "ids": ["8"]}),
        ("Messages Deleted", {**whose, "channel": "a#b é", **common, "ids": ["9"]}),
    ]


@pytest.mark.usefixtures("streamed")
def test_history_deleted_without_start_and_end_says_neither(bus: Bus) -> None:
    call(delete_channel_history.handler, path={"sub_key": SUB_KEY, "channels": "ch1"})
    deliver(handler, filtered(read_stream("expunge")))
    [(_, detail)] = bus.events
    assert list(detail) == ["sub_key", "channels", "request_id", "by", "at"]


def test_the_filter_lets_through_what_is_published_and_nothing_else(streamed: World, bus: Bus) -> None:
    streamed.message(1)
    streamed.message(2)
    streamed.linked_message()
    streamed.channel_messages("ch1", 7)
    reply = call(delete_inbound_messages.handler)
    call(delete_channel_history.handler, path={"sub_key": SUB_KEY, "channels": "ch1"})
    path = {"request_id": reply.headers["x-request-id"]}
    call(restore_deletion.handler, path=path, body={"message_ids": [message_id(1)]})
    purge.handler({"time": "2999-01-01T00:00:00Z", "force": True}, Context())
    records = read_stream("expunge")
    records += [changed(pk(3), flags(), flags() | {"purge_at": "9999"})]  # dated anew
    records += [changed(pk(4), {"purged_at": at(1)}, None)]  # a tombstone that is forgotten

    for record in records:
        bus.events.clear()
        handler({"Records": [record]}, Context())
        assert len(bus.events) == len(filtered([record])), record
    through = filtered(records)
    assert {
        record["dynamodb"]["Keys"]["sk"]["S"] for record in through if record["eventName"] == "MODIFY"
    } == {"MESSAGE"}


def test_a_record_that_is_loaded_with_its_flags_is_no_event_unless_it_was_alive_here(
    streamed: World, bus: Bus
) -> None:
    there = {**flags("req_elsewhere"), "purge_at": at(9)}
    streamed.message(1, **there)
    streamed.message(2)
    streamed.message(2, **there)

    deliver(handler, filtered(read_stream("expunge")))

    assert [(kind, detail["ids"]) for kind, detail in bus.events] == [("Messages Deleted", [message_id(2)])]


def test_a_purged_record_that_is_remembered_is_one_event_and_its_end_is_none(bus: Bus) -> None:
    tombstone = {"purged_at": "2026-05-08T00:00:00.000Z", "delete_request_id": REQUEST}
    deliver(handler, filtered([changed(pk(1), flags(), tombstone), changed(pk(1), tombstone, None)]))
    detail = {"family": "inbound", "account_id": ACCOUNT, "request_id": REQUEST, "by": "purge"}
    purged = {**detail, "at": "2026-05-08T00:00:00.000Z", "ids": [message_id(1)]}
    assert bus.events == [("Messages Purged", purged)]


def test_content_is_in_no_event_and_no_log_line(
    bus: Bus, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    unknown = {"payload": SECRET, "content_url": f"s3://b/{SECRET}", "note": SECRET, "status": SECRET}
    unknown |= {"event_type": SECRET, "text": SECRET, "provider_message_id": SECRET}
    tombstone = {"purged_at": DELETED_AT, "delete_request_id": REQUEST}
    restored = {"restored_at": DELETED_AT, "restored_by": "operator"}
    records = [
        changed(pk(1), unknown, unknown | flags()),
        changed(pk(1), unknown | flags(), unknown | restored),
        changed(pk(1), unknown | flags(), unknown | tombstone),
        changed(pk(1), unknown | flags(), None),
        changed(pk(1), unknown | flags(), unknown),
        changed(f"{SECRET}#1", {}, unknown | flags()),
        changed(pk(1), unknown, unknown | {"deleted_at": DELETED_AT}),
        changed(f"SWEEP#{SUB_KEY}", None, unknown, sk=SECRET),
    ]
    records[0]["dynamodb"]["NewImage"]["blob"] = {"B": base64.b64encode(SECRET.encode()).decode()}

    deliver(handler, records)

    assert len(bus.events) == 4
    assert SECRET not in json.dumps(bus.events)
    assert SECRET not in capsys.readouterr().out
    assert all(SECRET not in str(vars(record)) for record in caplog.records)
