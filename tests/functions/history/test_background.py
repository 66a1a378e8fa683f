"""What does not fit into one request is finished in the background, whatever the index shows late."""

from datetime import timedelta
from typing import Any

import pytest

from expunge import timestamps, timetokens
from expunge.history import carrying_out
from expunge.table.store import store
from tests.clock import Clock
from tests.functions.history.deleting import DELETED, delete, refuse, resume
from tests.world import SUB_KEY, Reply, World


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


@pytest.mark.usefixtures("slices_of_two")
def test_more_than_a_slice_is_deleted_slice_by_slice(world: World) -> None:
    world.channel_messages("ch1", *range(5))
    world.channel_messages("ch2", *range(4))

    assert delete("ch1,ch2").status == 200

    assert world.history("ch1") == world.history("ch2") == []
