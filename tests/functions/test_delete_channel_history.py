"""Ranges, shapes and what is deleted; who may is in test_access_manager.py."""

from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delete_channel_history import handler
from expunge import timestamps, timetokens
from expunge.deadline import Deadline
from expunge.deletions.soft_delete import soft_delete
from expunge.history import carrying_out, passes, sweeps
from expunge.table.store import store
from tests.clock import Clock, SlowStore
from tests.world import SUB_KEY, Reply, World, call

DELETED = {"status": 200, "error": False, "error_message": ""}


@pytest.fixture(autouse=True)
def keyset(world: World) -> None:
    world.keyset()


def delete(channels: str = "ch1", query: Any = "", *, sub_key: str = SUB_KEY, **how: Any) -> Reply:
    return call(handler, path={"sub_key": sub_key, "channels": channels}, query=query, **how)


def resume() -> sweeps.Resumed:
    return sweeps.resume(store(), Deadline(lambda: 29_000))


def refuse(**_: Any) -> Any:
    response: Any = {"Error": {"Code": "Refused"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    raise ClientError(response, "")


def fail_after(writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the store refuse all transactions but the first so many."""
    left = [store().client.transact_write_items] * writes

    def write(**arguments: Any) -> Any:
        return (left.pop() if left else refuse)(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", write)


def refusal(reply: Reply) -> tuple[int, str]:
    """Status and message of a refusal that holds nothing else."""
    message = reply.body["error_message"]
    assert reply.body == {"status": reply.status, "error": True, "error_message": message}
    return reply.status, message


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("", []),
        ("start=20", [20, 30, 100]),
        ("end=20", [10]),
        ("start=30&end=10", [30, 100]),
        ("start=10&end=30", [10, 100]),
        ("start=20&end=20", [10, 20, 30, 100]),
        ("start=21&end=20", [10, 30, 100]),
        ("start=100&end=30", [10, 20, 100]),
        ("end=0", []),
        ("start=0", [10, 20, 30, 100]),
        ("start=0000000000000000020&end=00", [20, 30, 100]),
        ("start=9999999999999999999", []),
        ("end=9999999999999999999", [10, 20, 30, 100]),
    ],
)
def test_start_is_excluded_and_end_is_included_whichever_is_larger(
    world: World, query: str, left: list[int]
) -> None:
    world.channel_messages("ch1", 10, 20, 30, 100)

    reply = delete("ch1", query)

    assert (reply.status, reply.body) == (200, DELETED)
    assert world.history("ch1") == left


def test_the_range_applies_to_each_channel_and_to_no_other(world: World) -> None:
    for channel in ("ch1", "ch2", "ch10", "ch"):
        world.channel_messages(channel, 10, 20)
    world.channel_messages("ch1", 10, sub_key="sub-c-2")

    assert delete("ch1,ch2,ch1", "end=20").status == 200

    assert {name: world.history(name) for name in ("ch1", "ch2", "ch10", "ch")} == {
        "ch1": [10, 10],  # one of them is another keyset's
        "ch2": [10],
        "ch10": [10, 20],
        "ch": [10, 20],
    }


def test_the_flags_name_the_sub_key_the_request_and_the_time_of_the_purge(world: World) -> None:
    world.channel_messages("ch1", 10)

    reply = delete(request_id="JKJaXmPLvHcESHE=")

    [item] = world.items()
    assert item["deleted_by"] == SUB_KEY
    assert item["delete_request_id"] == reply.headers["x-request-id"] == "req_JKJaXmPLvHcESHE"
    assert timestamps.parse(item["purge_at"]) > timestamps.parse(item["deleted_at"])
    assert item["timetoken"] == "10"


def test_deleting_again_changes_nothing(world: World) -> None:
    world.channel_messages("ch1", 10)
    delete()
    before = world.items()

    assert delete().body == DELETED

    assert world.items() == before


def test_a_message_dated_later_is_deleted_if_it_is_there(world: World) -> None:
    later = timetokens.after(timestamps.now()) + 10**9
    world.channel_messages("ch1", 10, later, 10**19 - 1)

    assert delete().status == 200

    assert world.history("ch1") == []


def test_a_message_that_is_published_during_the_deletion_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.channel_messages("ch1", 10)

    def publish() -> None:
        world.channel_messages("ch1", timetokens.after(timestamps.now()))

    world.before_write(monkeypatch, publish)

    assert delete().status == 200
    assert len(world.history("ch1")) == 1


@pytest.fixture
def slices_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "SLICE", 2)


@pytest.mark.usefixtures("slices_of_two")
def test_more_than_a_slice_is_deleted_slice_by_slice(world: World) -> None:
    world.channel_messages("ch1", *range(5))
    world.channel_messages("ch2", *range(4))

    assert delete("ch1,ch2").status == 200

    assert world.history("ch1") == world.history("ch2") == []


def leave_to_the_background(
    monkeypatch: pytest.MonkeyPatch, channels: str = "ch1", query: str = "", **how: Any
) -> Reply:
    """Have a request find a store that takes its note and flags nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(store().client, "transact_write_items", refuse)
        reply = delete(channels, query, **how)
    assert (reply.status, reply.body) == (200, DELETED)
    return reply


def test_what_is_not_deleted_at_once_is_left_to_the_background(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.channel_messages("ch1", 10, 20, 30)
    world.channel_messages("ch2", 10, 20)

    leave_to_the_background(monkeypatch, "ch1,ch2", "start=30")

    assert world.history("ch1") == [10, 20, 30]
    assert world.sweeps() == 1
    assert resume() == (1, False)
    assert (world.history("ch1"), world.history("ch2")) == ([30], [])


def test_the_note_stays_until_a_pass_a_minute_after_the_request_finds_nothing(
    world: World, clock: Clock
) -> None:
    world.channel_messages("ch1", 10)
    delete()
    assert world.history("ch1") == []

    for seconds, notes in ((0, 1), (59, 1), (1, 1), (0.1, 0)):
        clock.run(seconds)
        assert resume() == (0, False)
        assert world.sweeps() == notes, clock.seconds


def test_a_note_is_kept_through_a_late_pass_that_deletes_something(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.channel_messages("ch1", 10)
    monkeypatch.setattr(carrying_out, "_PASSES", 1)
    leave_to_the_background(monkeypatch)
    clock.run(61)

    assert resume() == (1, True)
    assert (world.history("ch1"), world.sweeps()) == ([], 1)
    assert resume() == (0, False)
    assert world.sweeps() == 0


class LaggingIndex:
    """Hides new messages from the index for so many seconds."""

    def __init__(self, world: World, clock: Clock, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self._world, self._clock, self._seconds = world, clock, seconds
        self._query = store().client.query
        monkeypatch.setattr(store().client, "query", self._late)

    def _late(self, **arguments: Any) -> Any:
        stored_at = {item["pk"]: item["stored_at"] for item in self._world.items()}
        shown = timestamps.micros(timestamps.now() - timedelta(seconds=self._seconds))
        page = self._query(**arguments)
        page["Items"] = [each for each in page["Items"] if stored_at.get(each["pk"]["S"], "") <= shown]
        return page


def test_what_the_index_shows_late_is_deleted_if_it_was_stored_before_the_request(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    LaggingIndex(world, clock, 55, monkeypatch)
    later = timetokens.after(timestamps.now()) + 10**10
    world.channel_messages("ch1", 10, later)
    clock.run(0.5)

    assert delete().status == 200
    assert world.history("ch1") == [10, later]
    clock.run(30)
    world.channel_messages("ch1", later + 1)
    assert resume() == (0, False)
    clock.run(40)

    assert resume() == (1, False)
    assert (world.history("ch1"), world.sweeps()) == ([later + 1], 0)


def test_what_was_restored_after_the_request_is_not_deleted_again(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.channel_messages("ch1", 10, 20, 30)
    for timetoken, offset in ((10, 1), (20, 0), (30, -1)):
        restored_at = timestamps.millis(timestamps.now() + timedelta(seconds=offset))
        [pk] = [item["pk"] for item in world.items() if item["timetoken"] == str(timetoken)]
        world.store.client.update_item(
            TableName=world.store.table,
            Key={"pk": {"S": pk}, "sk": {"S": "MESSAGE"}},
            UpdateExpression="SET restored_at = :at",
            ExpressionAttributeValues={":at": {"S": restored_at}},
        )

    leave_to_the_background(monkeypatch)
    clock.run(61)

    assert resume() == (1, False)
    assert (world.history("ch1"), world.sweeps()) == ([10], 0)


def test_the_background_leaves_what_was_published_after_the_request(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.channel_messages("ch1", 10)
    leave_to_the_background(monkeypatch)
    new = timetokens.after(timestamps.now())
    world.channel_messages("ch1", new)

    assert resume() == (1, False)

    assert world.history("ch1") == [new]


def test_the_background_deletes_what_is_dated_later_if_it_was_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = timetokens.after(timestamps.now()) + 10**9
    world.channel_messages("ch1", 10, later)
    leave_to_the_background(monkeypatch)
    world.channel_messages("ch1", later - 1, later + 1)

    assert resume() == (1, False)

    assert world.history("ch1") == [later - 1, later + 1]


def test_what_the_background_deletes_bears_the_flags_of_the_request(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.channel_messages("ch1", 10)
    reply = leave_to_the_background(monkeypatch)

    resume()

    [item] = world.items()
    assert item["delete_request_id"] == reply.headers["x-request-id"]
    assert item["deleted_by"] == SUB_KEY


def test_a_note_says_all_that_is_to_be_known_of_its_deletion(world: World, clock: Clock) -> None:
    reply = delete("ch2,ch1", "start=9&end=3")

    [note] = [
        item
        for item in world.store.client.scan(TableName=world.store.table)["Items"]
        if item["pk"]["S"].startswith("SWEEP#")
    ]
    request_id = reply.headers["x-request-id"]
    deleted_at = timestamps.millis(clock.began)
    assert note["pk"] == {"S": f"SWEEP#{SUB_KEY}"}
    assert note["sk"] == note["state_sk"] == {"S": f"{deleted_at}#{request_id}"}
    assert {name: note[name] for name in note if name not in ("pk", "sk", "state_pk", "state_sk")} == {
        "sub_key": {"S": SUB_KEY},
        "channels": {"L": [{"S": "ch2"}, {"S": "ch1"}]},
        "start": {"N": "3"},
        "stop": {"N": "9"},
        "asked": {"N": str(timetokens.after(clock.began))},
        "request_id": {"S": request_id},
        "deleted_by": {"S": SUB_KEY},
        "deleted_at": {"S": deleted_at},
        "purge_at": {"S": timestamps.millis(clock.began + timedelta(days=30))},
    }


def test_a_range_of_nothing_leaves_no_note(world: World) -> None:
    assert delete("ch1", "start=20&end=20").status == 200
    assert world.sweeps() == 0


@pytest.mark.parametrize("dies_after", [0, 1])
@pytest.mark.usefixtures("slices_of_two")
def test_a_function_that_dies_has_left_a_note_that_heals_it(
    world: World, monkeypatch: pytest.MonkeyPatch, dies_after: int
) -> None:
    world.channel_messages("ch1", *range(6))

    calls: list[int] = []

    def dying(*arguments: Any) -> Any:
        if len(calls) == dies_after:
            raise SystemExit
        calls.append(1)
        return soft_delete(*arguments)

    monkeypatch.setattr(passes, "soft_delete", dying)
    with pytest.raises(SystemExit):
        delete()
    monkeypatch.undo()

    assert len(world.history("ch1")) == 6 - 2 * dies_after
    assert world.sweeps() == 1
    assert resume() == (1, False)
    assert world.history("ch1") == []


@pytest.mark.usefixtures("slices_of_two")
def test_when_the_store_fails_on_the_way_the_rest_is_left_to_the_background(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.channel_messages("ch1", *range(6))
    fail_after(1, monkeypatch)

    assert delete().body == DELETED
    monkeypatch.undo()

    assert len(world.history("ch1")) == 4
    assert resume() == (1, False)
    assert world.history("ch1") == []


def test_a_deletion_that_cannot_be_noted_is_an_error_and_repeating_is_safe(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.channel_messages("ch1", 10)
    monkeypatch.setattr(store().client, "put_item", refuse)

    reply = delete()
    monkeypatch.undo()

    assert refusal(reply) == (500, "Not finished: store unavailable. Repeating the request is safe.")
    assert world.history("ch1") == [10]
    assert delete().status == 200
    assert world.history("ch1") == []


@pytest.mark.parametrize("seconds", [0.02, 0.3, 2.0])
def test_the_answer_goes_out_in_time_however_long_fifty_channels_take(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    for number in range(50):
        world.channel_messages(f"ch{number}", 1)
    slow = SlowStore(clock, seconds, monkeypatch)

    reply = delete(",".join(f"ch{number}" for number in range(50)), context=clock)

    assert (reply.status, reply.body) == (200, DELETED)
    assert clock.seconds < 8
    assert slow.calls < 800
    assert len(world.deleted()) < 50
    assert world.sweeps() == 1


@pytest.mark.usefixtures("slices_of_two")
def test_the_answer_goes_out_in_time_however_much_there_is_to_delete(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.channel_messages("ch1", *range(60))
    SlowStore(clock, 0.1, monkeypatch)

    assert delete(context=clock).body == DELETED

    assert clock.seconds < 8
    assert 0 < len(world.history("ch1")) < 60
    monkeypatch.undo()
    assert resume() == (1, False)
    assert world.history("ch1") == []


def test_queries_of_several_channels_are_made_at_once_and_not_too_many(
    world: World,  # noqa: ARG001 - before the store
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    query = store().client.query
    # Nobody gets past it alone: were fewer than four at work, the queries would fail.
    barrier = Barrier(4, timeout=10)
    at_work: list[int] = []
    most: list[int] = []

    def counted(**arguments: Any) -> Any:
        at_work.append(1)
        barrier.wait()
        most.append(len(at_work))
        barrier.wait()
        at_work.pop()
        return query(**arguments)

    monkeypatch.setattr(store().client, "query", counted)

    # A single message is in one part of each channel.
    assert delete("ch1,ch2,ch3,ch4", "start=2&end=1").status == 200
    assert most == [4, 4, 4, 4]


@pytest.mark.parametrize(
    "query", ["statr=5", "Start=5", "start=5&limit=1", "start=5&channel=ch2", "st%61rt=5", "start=5&&=1"]
)
def test_a_parameter_that_is_not_known_deletes_nothing(world: World, query: str) -> None:
    world.channel_messages("ch1", 1)

    status, message = refusal(delete("ch1", query))

    assert status == 400
    assert message.endswith(
        "is not a known parameter; known are start, end, auth, uuid, timestamp, signature, pnsdk, requestid,"
        " instanceid and l_*"
    )
    assert (world.history("ch1"), world.sweeps()) == ([1], 0)


def test_what_sdks_add_to_a_request_is_passed_over(world: World) -> None:
    world.channel_messages("ch1", 1, 2)

    query = "start=2&end=1&pnsdk=PubNub-JS-Web%2F9.8.3&requestid=r&instanceid=i&l_del=0.2&l_hist=0.1&uuid=u"

    assert delete("ch1", query).status == 200
    assert world.history("ch1") == [2]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("start=", "start must be a timetoken, a whole number of 1 to 19 digits"),
        ("start=-1", "start must be a timetoken, a whole number of 1 to 19 digits"),
        ("start=1.5", "start must be a timetoken, a whole number of 1 to 19 digits"),
        ("start=12345678901234567890", "start must be a timetoken, a whole number of 1 to 19 digits"),
        ("start=1&start=2", '"start" must be given only once'),
        ("start=%D9%A1", "start must be a timetoken, a whole number of 1 to 19 digits"),
        ("end=now", "end must be a timetoken, a whole number of 1 to 19 digits"),
        ("end=+5", "end must be a timetoken, a whole number of 1 to 19 digits"),
        ("end=5%0A", "end must be a timetoken, a whole number of 1 to 19 digits"),
        ({"uuid": "\N{PARTY POPPER}" * 65}, "uuid must be at most 64 UTF-8 characters long"),
    ],
)
def test_a_parameter_that_is_not_what_it_must_be_is_refused(world: World, query: Any, message: str) -> None:
    world.channel_messages("ch1", 1, 2)

    assert refusal(delete("ch1", query)) == (400, message)
    assert world.history("ch1") == [1, 2]


@pytest.mark.parametrize(
    "channels",
    ["", " ", ",", "ch1,", "ch1,,ch2", "ch1, ", "a" * 93, "\ud800", ",".join(["ch1"] * 51)],
)
def test_channels_are_1_to_50_names_of_1_to_92_characters(world: World, channels: str) -> None:
    world.channel_messages("ch1", 1)

    message = "channels must be 1 to 50 names of 1 to 92 UTF-8 characters, separated by commas"
    assert refusal(delete(channels)) == (400, message)
    assert world.history("ch1") == [1]


def test_a_name_may_hold_anything_else(world: World) -> None:
    names = [
        "a b",
        "a+b",
        "it's",
        '"a"',
        "~a~",
        "\N{PARTY POPPER}",
        "a/b",
        "a#b",
        "a%2Cb",
        " a",
        "a" * 92,
        "é" * 92,
    ]
    for name in names:
        world.channel_messages(name, 1)

    for left, name in zip(range(len(names) - 1, -1, -1), names, strict=True):
        assert delete(name, "start=2&end=1").status == 200
        assert len(world.live()) == left


def test_fifty_channels_are_deleted_at_once(world: World) -> None:
    names = [f"ch{number}" for number in range(50)]
    for name in names:
        world.channel_messages(name, 1)

    assert delete(",".join(names), {"uuid": "\N{PARTY POPPER}" * 64}).status == 200
    assert len(world.deleted()) == 50


def test_what_is_counted_is_what_was_deleted(world: World, logged: Any) -> None:
    world.channel_messages("ch1", 1, 2)
    delete()

    [metrics] = [line for line in logged() if "_aws" in line]
    assert metrics["family"] == "channel"
    assert metrics["Deleted"] == [2]
    assert metrics["LeftToBackground"] == [0]
