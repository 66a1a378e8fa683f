"""Which messages of which channels a request deletes, and what it writes on them."""

from typing import Any

import pytest

from expunge import timestamps, timetokens
from tests.functions.history.deleting import DELETED, delete
from tests.world import SUB_KEY, World


@pytest.fixture(autouse=True)
def keyset(world: World) -> None:
    world.keyset()


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
