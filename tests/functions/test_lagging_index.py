"""What is reported is what was flagged, and what was stored goes, whatever the index shows and when."""

from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Any

import pytest

from delete_channel_history import handler as delete_history
from delete_inbound_messages import handler as delete_inbound
from delete_pull_events import handler as delete_pull
from expunge import timetokens
from expunge.vocabulary import INBOUND_STATUSES, PULL_STATUSES
from purge import handler as purge
from tests.clock import AFTER_ALL, Clock
from tests.disturbances import LaggingIndex, intercept
from tests.world import INBOUND, PULL, SUB_KEY, Context, World, call
from tests.writer import Writer


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.customer()
    world.keyset()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, began=AFTER_ALL)


@pytest.fixture
def index(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> LaggingIndex:
    return LaggingIndex.installed(world, clock, monkeypatch, seconds=5)


@dataclass
class Filtered:
    """A way in which messages are deleted by filter."""

    writer: Writer
    kind: str
    query: dict[str, str]

    @property
    def statuses(self) -> tuple[str, ...]:
        return INBOUND_STATUSES if self.kind == "inbound" else PULL_STATUSES

    def insert(self, number: int, status: str) -> str:
        insert = self.writer.message if self.kind == "inbound" else self.writer.event
        return insert(number, status=status)

    def delete(self, **query: str) -> list[str]:
        """Return the ids that were reported, by an answer that has no error."""
        handler, ids, path = (
            (delete_inbound, "deleted_message_ids", None)
            if self.kind == "inbound"
            else (delete_pull, "deleted_event_ids", {"id": PULL})
        )
        reply = call(handler, path=path, query=self.query | query)
        assert set(reply.body) == {"data", "meta"}
        reported: list[str] = reply.data[ids]
        assert reply.data["deleted"] == len(reported)
        return reported


@pytest.fixture(params=["by endpoint", "by account", "by type"])
def filtered(request: pytest.FixtureRequest, world: World) -> Filtered:
    by = {
        "by endpoint": ("inbound", {"inbound_endpoint_id": INBOUND}),
        "by account": ("inbound", {}),
        "by type": ("pull", {"event_type": "order.created"}),
    }
    return Filtered(Writer(world), *by[request.param])


def test_what_the_index_still_shows_as_living_is_not_reported_again(
    world: World, index: LaggingIndex, filtered: Filtered
) -> None:
    ids = [filtered.insert(number, filtered.statuses[0]) for number in range(3)]
    index.catch_up()

    assert filtered.delete(limit="2") == ids[:2]
    assert filtered.delete() == ids[2:]
    assert filtered.delete() == []
    assert world.deleted() == set(ids)


def test_what_the_index_shows_in_a_status_that_it_has_left_is_not_deleted(
    world: World, index: LaggingIndex, filtered: Filtered
) -> None:
    old, new, *_ = filtered.statuses
    message = filtered.insert(1, old)
    index.catch_up()
    filtered.writer.set_status(message, new)

    assert filtered.delete(status=old) == []
    assert world.deleted() == set()
    index.catch_up()
    assert filtered.delete(status=new) == [message]
    assert world.deleted() == {message}


def test_a_message_that_is_shown_late_is_deleted_by_a_later_request(
    world: World, clock: Clock, index: LaggingIndex, filtered: Filtered
) -> None:
    message = filtered.insert(1, filtered.statuses[0])

    assert filtered.delete() == []
    clock.advance(seconds=index.seconds)
    assert filtered.delete() == [message]
    assert world.deleted() == {message}


def test_a_message_that_is_found_in_several_statuses_is_deleted_and_reported_once(
    world: World, filtered: Filtered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each one moves on, as soon as it was found, to a status that has not been searched yet."""
    ids = [filtered.insert(number, status) for number, status in enumerate(filtered.statuses)]
    unsearched, lock, twice = set(filtered.statuses), Lock(), set()

    def move(make: Any, client: Any, operation: str, params: dict[str, Any]) -> Any:
        if operation != "Query":
            return make(client, operation, params)
        with lock:
            unsearched.difference_update(name for name in filtered.statuses if name in str(params))
            reply = make(client, operation, params)
            found = {item["pk"]["S"].rpartition("#")[2] for item in reply["Items"]}
            for message in sorted(found & set(ids)):
                if unsearched:
                    twice.add(message)
                    filtered.writer.set_status(message, min(unsearched))
            return reply

    intercept(monkeypatch, move)
    reported = filtered.delete()

    assert twice
    assert sorted(reported) == ids
    assert world.deleted() == set(ids)


def test_a_message_that_moves_to_another_matching_status_after_it_was_found_is_deleted(
    world: World, filtered: Filtered, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, *_ = filtered.statuses
    message = filtered.insert(1, old)
    world.before_write(monkeypatch, lambda: filtered.writer.set_status(message, new))

    assert filtered.delete(status=f"{old},{new}") == [message]
    assert world.deleted() == {message}


def test_a_message_that_stops_matching_after_it_was_found_is_left_alone(
    world: World, filtered: Filtered, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, *_ = filtered.statuses
    message = filtered.insert(1, old)
    world.before_write(monkeypatch, lambda: filtered.writer.set_status(message, new))

    assert filtered.delete(status=old) == []
    assert world.live() == {message}


def test_a_message_that_the_bin_still_shows_is_not_purged_when_it_lives_again(
    world: World, clock: Clock, index: LaggingIndex
) -> None:
    writer = Writer(world)
    message = writer.message(1)
    index.catch_up()
    assert call(delete_inbound).data["deleted_message_ids"] == [message]
    index.catch_up()
    clock.advance(days=31)
    world.store.client.delete_item(
        TableName=world.store.table,
        Key={name: {"S": text} for name, text in world.items()[0].items() if name in ("pk", "sk")},
    )
    writer.message(1)

    assert purge({}, Context()) == {"purged": 0, "resumed": 0, "remaining": False}
    assert world.live() == {message}


def publish(world: World, clock: Clock, **before: float) -> int:
    """Store a message of a channel that was published just now, or so long ago."""
    timetoken = timetokens.after(clock.now - timedelta(**before))
    world.channel_messages("ch1", timetoken)
    return timetoken


def delete_channel() -> None:
    assert call(delete_history, path={"sub_key": SUB_KEY, "channels": "ch1"}).status == 200


def test_channel_history_goes_that_the_index_did_not_show_when_it_was_deleted(
    world: World, clock: Clock, index: LaggingIndex
) -> None:
    publish(world, clock, seconds=3600)
    index.catch_up()
    clock.advance(seconds=1)
    publish(world, clock, seconds=0.5)
    delete_channel()
    clock.advance(seconds=1)
    since = publish(world, clock)

    for _ in range(3):
        clock.advance(seconds=61)
        purge({}, Context())

    assert world.history("ch1") == [since]
    assert world.sweeps() == 0


def test_channel_history_that_the_index_still_shows_is_not_deleted_again(
    world: World, clock: Clock, index: LaggingIndex
) -> None:
    publish(world, clock, seconds=3600)
    index.catch_up()
    delete_channel()
    before = world.items()

    delete_channel()

    assert world.items() == before
