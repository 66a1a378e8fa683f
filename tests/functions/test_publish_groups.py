"""Which changes are one event, in which order, and how large events and calls are."""

import gc
import json
import tracemalloc

import pytest

from publish_deletions import handler
from tests.functions.changing import REQUEST, deletion, flags, pk, restoration
from tests.stream import Bus, changed, deliver
from tests.world import ACCOUNT, Context, message_id


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
