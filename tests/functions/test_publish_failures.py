"""A bus that refuses, a function that dies, records that nobody can read: nothing is lost."""

from collections.abc import Callable
from itertools import chain, count, repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.events import bus as event_bus
from publish_deletions import handler
from tests.functions.changing import deletion, flags, pk, restoration
from tests.stream import Bus, Died, Record, changed, deliver, filtered, in_order
from tests.world import SUB_KEY, Context, RunningOut, message_id


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
