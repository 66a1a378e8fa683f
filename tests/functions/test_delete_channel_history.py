"""Ranges, shapes and what is deleted; who may is in test_access_manager.py."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from delete_channel_history import handler
from expunge import timestamps, timetokens
from expunge.deadline import Deadline
from expunge.deletions.soft_delete import soft_delete
from expunge.history import deletion, sweeps
from expunge.table import keys
from expunge.table.store import store
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
    monkeypatch.setattr(sweeps, "SLICE", 2)


@pytest.mark.usefixtures("slices_of_two")
def test_more_than_a_slice_is_deleted_slice_by_slice(world: World) -> None:
    world.channel_messages("ch1", *range(5))
    world.channel_messages("ch2", *range(4))

    assert delete("ch1,ch2").status == 200

    assert world.history("ch1") == world.history("ch2") == []
    assert world.sweeps() == 0


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "_SECONDS", -1.0)
    monkeypatch.setattr(deletion, "_AT_LEAST", 0)


@pytest.mark.usefixtures("no_time")
def test_what_there_is_no_time_for_is_left_to_the_background(world: World) -> None:
    world.channel_messages("ch1", 10, 20, 30)
    world.channel_messages("ch2", 10, 20)

    assert delete("ch1,ch2", "start=30").body == DELETED

    assert world.history("ch1") == [10, 20, 30]
    assert world.sweeps() == 1
    assert resume() == (1, False)
    assert (world.history("ch1"), world.history("ch2")) == ([30], [])
    assert world.sweeps() == 0
    assert resume() == (0, False)


@pytest.mark.usefixtures("no_time")
def test_the_background_leaves_what_was_published_after_the_request(world: World) -> None:
    world.channel_messages("ch1", 10)
    delete()
    new = timetokens.after(timestamps.now())
    world.channel_messages("ch1", new)

    assert resume() == (1, False)

    assert world.history("ch1") == [new]


@pytest.mark.usefixtures("no_time")
def test_the_background_deletes_what_is_dated_later_if_it_was_there(world: World) -> None:
    later = timetokens.after(timestamps.now()) + 10**9
    world.channel_messages("ch1", 10, later)
    delete()
    world.channel_messages("ch1", later - 1, later + 1)

    assert resume() == (1, False)

    assert world.history("ch1") == [later - 1, later + 1]


@pytest.mark.usefixtures("no_time")
def test_what_the_background_deletes_bears_the_flags_of_the_request(world: World) -> None:
    world.channel_messages("ch1", 10)
    reply = delete()

    resume()

    [item] = world.items()
    assert item["delete_request_id"] == reply.headers["x-request-id"]
    assert item["deleted_by"] == SUB_KEY


@pytest.mark.usefixtures("slices_of_two")
def test_a_function_that_dies_has_left_a_note_that_heals_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.channel_messages("ch1", *range(6))

    calls: list[int] = []

    def dying(*arguments: Any) -> Any:
        if calls:
            raise SystemExit
        calls.append(1)
        return soft_delete(*arguments)

    monkeypatch.setattr(sweeps, "soft_delete", dying)
    with pytest.raises(SystemExit):
        delete()
    monkeypatch.undo()

    assert len(world.history("ch1")) == 4
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


def test_a_note_that_cannot_be_written_is_an_error_and_repeating_is_safe(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.channel_messages("ch1", 10)
    fail_after(0, monkeypatch)
    monkeypatch.setattr(store().client, "put_item", refuse)

    reply = delete()
    monkeypatch.undo()

    assert refusal(reply) == (500, "Not finished: store unavailable. Repeating the request is safe.")
    assert world.history("ch1") == [10]
    assert delete().status == 200
    assert world.history("ch1") == []


def test_a_sweep_that_cannot_be_read_does_not_keep_others_from_being_finished(world: World) -> None:
    bad = {"pk": {"S": keys.SWEEP}, "sk": {"S": "0"}}
    world.store.client.put_item(TableName="expunge", Item=bad)

    assert resume() == (0, True)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("start=", "start must be a timetoken, a whole number of 1 to 19 digits"),
        ("start=-1", "start must be a timetoken, a whole number of 1 to 19 digits"),
        ("start=1.5", "start must be a timetoken, a whole number of 1 to 19 digits"),
        ("start=12345678901234567890", "start must be a timetoken, a whole number of 1 to 19 digits"),
        ("start=1&start=2", "start must be a timetoken, a whole number of 1 to 19 digits"),
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
