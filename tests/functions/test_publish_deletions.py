import base64
import gc
import json
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import chain, count, repeat
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

import delete_channel_history
import delete_inbound_messages
import delete_message
import delete_outbound_messages
import delete_pull_events
import purge
import restore_deletion
from cli.dynamodb import create_table
from expunge.events import bus as event_bus
from expunge.settings import provider
from expunge.table import keys
from expunge.table.store import CLIENT_CONFIG, Store
from publish_deletions import handler
from tests.stream import Bus, Died, Record, changed, deliver, filtered, in_order, read_stream
from tests.upstream import upstream
from tests.world import (
    ACCOUNT,
    KEY,
    LINKED,
    PULL,
    SUB_KEY,
    Context,
    RunningOut,
    World,
    at,
    call,
    message_id,
)

REQUEST = "req_1"
DELETED_AT = "2026-04-07T11:00:00.000Z"
SECRET = "must-not-be-told"


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    there = Bus()
    monkeypatch.setattr(event_bus, "_client", lambda: there)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return there


@pytest.fixture
def streamed() -> Iterator[World]:
    """A table with its stream, and records of every family in it."""
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        client = boto3.client("dynamodb", config=CLIENT_CONFIG)
        create_table(client, "expunge")
        world = World(Store(client, "expunge"))
        world.customer()
        world.outbound_endpoint()
        world.linked_account()
        world.keyset()
        yield world


def pk(number: int) -> str:
    return keys.message("INBOUND", ACCOUNT, message_id(number))


def flags(request_id: str = REQUEST, deleted_at: str = DELETED_AT) -> dict[str, str]:
    return {"deleted_at": deleted_at, "deleted_by": "key_1", "delete_request_id": request_id}


def deletion(number: int, request_id: str = REQUEST) -> Record:
    return changed(pk(number), {}, flags(request_id))


def restoration(number: int, request_id: str = REQUEST) -> Record:
    restored = {"restored_at": "2026-04-08T00:00:00.000Z", "restored_by": "operator"}
    return changed(pk(number), flags(request_id), restored | {"restored_from": request_id})


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


def test_what_is_purged_at_several_moments_of_one_deletion_is_one_event_of_the_last(bus: Bus) -> None:
    moments = [f"2026-05-08T00:00:0{second}.000Z" for second in (1, 3, 2)]
    purged = [
        changed(pk(at), flags(), {"purged_at": moment, "delete_request_id": REQUEST})
        for at, moment in enumerate(moments)
    ]
    deliver(handler, purged)
    assert [(detail["at"], len(detail["ids"])) for _, detail in bus.events] == [(moments[1], 3)]


def test_a_message_deleted_restored_and_deleted_again_in_one_batch_is_told_in_that_order(bus: Bus) -> None:
    records = [deletion(1), deletion(2), restoration(1), deletion(3), deletion(1, "req_2"), deletion(4)]
    deliver(handler, records)
    told = [(kind, detail["request_id"], detail["ids"]) for kind, detail in bus.events]
    assert told == [
        ("Messages Deleted", REQUEST, [message_id(1), message_id(2), message_id(3), message_id(4)]),
        ("Messages Restored", REQUEST, [message_id(1)]),
        ("Messages Deleted", "req_2", [message_id(1)]),
    ]
    assert bus.calls == [1, 1, 1]  # each begins when the one before is on the bus


def test_a_deletion_that_comes_late_to_a_message_does_not_overtake_an_earlier_one(bus: Bus) -> None:
    records = [deletion(1), deletion(2, "req_2"), restoration(2, "req_2"), deletion(2)]
    deliver(handler, records)
    deleted, restored = "Messages Deleted", "Messages Restored"
    assert bus.about(message_id(2)) == [(deleted, "req_2"), (restored, "req_2"), (deleted, REQUEST)]


def test_a_thousand_deletions_of_one_request_are_one_event_or_two_if_batches_part_them(bus: Bus) -> None:
    records = [deletion(number) for number in range(1000)]
    deliver(handler, records)
    assert [len(detail["ids"]) for _, detail in bus.events] == [1000]
    bus.events.clear()
    deliver(handler, records[:300])
    deliver(handler, records[300:])
    assert [len(detail["ids"]) for _, detail in bus.events] == [300, 700]


@pytest.mark.slow
def test_memory_depends_on_keys_and_flags_alone_and_does_not_grow(bus: Bus) -> None:
    """Neither what the records hold beside them nor how many batches there were is to be seen in it."""

    def peak(text: str, batches: int) -> int:
        beside = {"provider_message_id": text}
        records = [changed(pk(number), beside, flags() | beside) for number in range(1000)]
        tracemalloc.start()
        for _ in range(batches):
            assert handler({"Records": records}, Context()) == {"batchItemFailures": []}
            bus.events.clear()
            gc.collect()  # cycles that are let go are no growth
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak("x", 1)
    assert peak("x" * 1000, 1) < 1.1 * peak("x", 1)
    assert peak("x", 8) < 1.1 * peak("x", 2)


def test_an_event_holds_a_thousand_ids_at_most(bus: Bus) -> None:
    deliver(handler, [deletion(number) for number in range(1001)])
    assert [len(detail["ids"]) for _, detail in bus.events] == [1000, 1]


def test_an_event_is_under_200_kb_and_a_call_under_256(bus: Bus) -> None:
    long = "é" * 400
    records = [changed(f"INBOUND#{ACCOUNT}#{long}{number}", {}, flags()) for number in range(900)]
    deliver(handler, records)
    sizes = [len(json.dumps(detail, ensure_ascii=False).encode()) for _, detail in bus.events]
    assert max(sizes) < 205_000  # with the blanks of this encoding
    assert sum(len(detail["ids"]) for _, detail in bus.events) == 900
    assert bus.calls == [1] * len(sizes)


def test_ten_events_are_one_call(bus: Bus) -> None:
    deliver(handler, [deletion(number, f"req_{number}") for number in range(25)])
    assert bus.calls == [10, 10, 5]


def test_entries_that_are_refused_are_sent_again_before_anything_later(bus: Bus) -> None:
    bus.faults = iter(["part", "part"])
    records = [deletion(number, f"req_{number}") for number in range(12)]
    assert handler({"Records": records}, Context()) == {"batchItemFailures": []}
    assert bus.calls == [5, 2, 3, 2]
    assert sorted(detail["request_id"] for _, detail in bus.events) == sorted(f"req_{n}" for n in range(12))


def test_what_stays_refused_is_reported_from_the_first_on(bus: Bus) -> None:
    bus.code = "NotAuthorizedForDetailTypeException"
    bus.faults = iter(["part"])
    records = [deletion(number, f"req_{number}") for number in range(12)]
    answer = handler({"Records": records}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": records[0]["dynamodb"]["SequenceNumber"]}]}
    assert bus.calls == [5]


def test_records_that_the_command_line_read_from_the_stream_can_be_sent_by_hand(bus: Bus) -> None:
    record = changed(pk(1), flags(), None)
    record["dynamodb"]["ApproximateCreationDateTime"] = "2026-04-01T01:33:20+02:00"
    other = changed(pk(2), {"status": "queued"}, {"status": "succeeded"})

    assert handler({"Records": [record, other], "NextShardIterator": "..."}, Context()) == {
        "batchItemFailures": []
    }

    [(kind, detail)] = bus.events
    assert (kind, detail["at"], detail["ids"]) == (
        "Messages Purged",
        "2026-03-31T23:33:20.000Z",
        [message_id(1)],
    )


def test_what_is_on_the_bus_is_not_reported_as_failed(bus: Bus) -> None:
    bus.faults = chain([None], repeat("throttled"))
    records = [deletion(number, f"req_{number}") for number in range(12)]
    answer = handler({"Records": records}, RunningOut(seconds=2))
    assert answer == {"batchItemFailures": [{"itemIdentifier": records[10]["dynamodb"]["SequenceNumber"]}]}


@pytest.mark.parametrize("how", ["died", "died before", "part", "throttled"])
@pytest.mark.parametrize("at_call", range(4))
def test_a_function_that_fails_at_any_call_loses_nothing(how: str, at_call: int, bus: Bus) -> None:
    records = [deletion(number, f"req_{number % 15}") for number in range(30)]
    records += [restoration(number, f"req_{number % 15}") for number in range(30)]
    bus.faults = iter([*[None] * at_call, how])
    bus.code = "LimitExceededException"
    assert deliver(handler, records) == []
    for number in range(30):
        told = [kind for kind, _ in bus.about(message_id(number))]
        assert in_order(told, ["Messages Deleted", "Messages Restored"])


FAULTS = st.lists(st.sampled_from([None, "throttled", "part", "died", "died before"]), max_size=12)


@settings(max_examples=60)
@given(steps=st.lists(st.integers(0, 3), max_size=40), faults=FAULTS, requests=st.integers(1, 3))
def test_every_change_is_told_at_least_once_and_in_order_whatever_fails(
    steps: list[int], faults: list[str | None], requests: int
) -> None:
    records: list[Record] = []
    happened: dict[str, list[tuple[str, str]]] = {}
    numbers = count()
    for number in steps:
        told = happened.setdefault(message_id(number), [])
        if len(told) % 2:
            told.append(("Messages Restored", told[-1][1]))
            records.append(restoration(number, told[-1][1]))
        else:
            # Requests overlap, but none flags a message twice.
            mine = f"req_{next(numbers) % requests}"
            request = mine if ("Messages Deleted", mine) not in told else f"req_x{next(numbers)}"
            told.append(("Messages Deleted", request))
            records.append(deletion(number, request))
    with pytest.MonkeyPatch.context() as patch:
        there = Bus()
        there.faults = iter(faults)
        patch.setattr(event_bus, "_client", lambda: there)
        patch.setattr("time.sleep", lambda _: None)
        patch.setattr("publish_deletions.count", lambda *_, **__: None)
        assert deliver(handler, records) == []
    for message, expected in happened.items():
        assert in_order(there.about(message), expected)


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


UNREADABLE: list[Callable[[Record], object]] = [
    lambda record: record["dynamodb"]["NewImage"].pop("delete_request_id"),
    lambda record: record["dynamodb"]["NewImage"].update(deleted_by={"N": "1"}),
    lambda record: record["dynamodb"]["NewImage"].update(deleted_at="2026"),
    lambda record: record["dynamodb"]["NewImage"].update(deleted_by={"S": "x" * 300_000}),
    lambda record: record["dynamodb"]["Keys"].update(pk={"S": "KEYSET#1"}),
    lambda record: record["dynamodb"]["Keys"].update(pk={"S": "PULL#acc_1#1"}),
    lambda record: record["dynamodb"]["Keys"].update(pk={"S": "CHANNEL#sub#ch#x"}),
    lambda record: record["dynamodb"]["Keys"].update(pk={"S": ""}),
    lambda record: record["dynamodb"].pop("SequenceNumber"),
    lambda record: record["dynamodb"].pop("Keys"),
    lambda record: record.pop("dynamodb"),
    lambda record: record.pop("eventName"),
    lambda record: record.update(dynamodb=None),
]


@pytest.mark.parametrize("spoil", UNREADABLE)
def test_a_record_that_cannot_be_read_is_set_aside_and_holds_up_nothing(
    spoil: Callable[[Record], object], bus: Bus, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    records = [deletion(1), deletion(2), deletion(3)]
    spoil(records[1])
    assert handler({"Records": records}, Context()) == {"batchItemFailures": []}
    [(_, detail)] = bus.events
    assert detail["ids"] == [message_id(1), message_id(3)]
    lines = logged()
    [line] = [line for line in lines if line.get("message") == "A record of the stream was set aside"]
    assert line["event_id"] == records[1]["eventID"]
    assert [line["RecordsSetAside"] for line in lines if "RecordsSetAside" in line] == [[1]]


def test_records_of_other_items_are_passed_over(bus: Bus) -> None:
    records = [
        changed("API_KEY#1", {}, {"last_used_on": "2026-04-01"}, sk="API_KEY"),
        changed(pk(1), None, {"payload": "x"}, sk="CONTENT"),
        changed(f"SWEEP#{SUB_KEY}", {}, {"attempts": "1"}, sk="2026"),
        changed(pk(1), {"status": "queued"}, {"status": "succeeded"}),
        changed(pk(1), {"status": "queued"}, None),
    ]
    assert filtered(records) == []
    assert handler({"Records": records}, Context()) == {"batchItemFailures": []}
    assert bus.events == []


def test_a_poison_record_is_found_by_halving_and_the_others_are_told(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [deletion(number) for number in range(8)]
    publish = event_bus.publish

    def dies_of_the_fifth(events: Any, deadline: Any) -> Any:
        if any(pk(5) in event.messages for event in events):
            raise Died
        return publish(events, deadline)

    monkeypatch.setattr("publish_deletions.publish", dies_of_the_fifth)
    assert deliver(handler, records) == [records[5]]
    assert sorted(each for _, detail in bus.events for each in detail["ids"]) == [
        message_id(number) for number in range(8) if number != 5
    ]
