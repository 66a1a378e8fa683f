"""What an operator restores by request id, of every family."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from delete_channel_history import handler as delete_history
from delete_inbound_messages import handler as delete_all
from delete_pull_events import handler as delete_events
from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.shortfall import Shortfall
from expunge.errors import Unavailable
from expunge.history import restoring
from expunge.settings import settings
from expunge.table.store import Store, store
from purge import handler as purge
from tests.cli.undoing import REQUEST, complete, expunge, history_deleted
from tests.clock import Clock
from tests.deletions import look
from tests.functions.test_sweeps import failing
from tests.world import ACCOUNT, PULL, SUB_KEY, World, call


def test_a_deletion_of_history_is_restored_as_it_was(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    world.keyset()
    world.channel_messages("a:b", 1, 2, 3)
    before = {each["pk"]: each for each in world.items()}
    request = call(delete_history, **REQUEST, query={"start": "3"}).headers["x-request-id"]  # type: ignore[arg-type]
    complete(clock)
    assert world.history("a:b") == [3]

    assert expunge(capsys, "restore", request) == (0, [{"restored": 2}], "")

    after = {each["pk"]: each for each in world.items()}
    for pk, item in after.items():
        added = {name: item.pop(name) for name in set(item) - set(before[pk])}
        if item["timetoken"] == "3":
            assert added == {}
            continue
        assert added == {
            "restored_at": timestamps.millis(timestamps.now()),
            "restored_by": "operator",
            "restored_from": request,
            "restored_request_id": added["restored_request_id"],
        }
    assert after == before
    content = world.store.client.scan(TableName="expunge", FilterExpression="attribute_exists(payload)")
    assert content["Count"] == 3


def test_a_second_restore_says_that_nothing_is_left(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    request = history_deleted(world)
    complete(clock)
    expunge(capsys, "restore", request)
    before = world.items()

    status, lines, err = expunge(capsys, "restore", request)

    assert (status, lines) == (1, [])
    assert err == (
        f"expunge: nothing of {request} can be restored: what it deleted is live again, purged, or was"
        " deleted by another request since\n"
    )
    assert world.items() == before


def test_some_messages_of_a_channel_are_named_by_channel_and_timetoken(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    request = history_deleted(world)
    complete(clock)
    chosen = ["--id", "a:b:2", "--id", "a:b:0002", "--id", "c:2", "--id", "c:9"]

    assert expunge(capsys, "restore", request, *chosen)[:2] == (0, [{"restored": 2}])
    assert (world.history("a:b"), world.history("c")) == ([2], [2])


def test_restoring_ends_what_is_left_of_the_deletion_in_the_background(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    request = history_deleted(world)
    # What is not flagged yet, as if the request had run out of time.
    world.channel_messages("c", 1, 4)
    clock.run(1)

    status, lines, err = expunge(capsys, "restore", request, "--sub-key", SUB_KEY)

    assert (status, lines) == (0, [{"restored": 4}])
    assert err == (
        "expunge: the deletion was still under way and is ended; what it was deleting at this moment may be"
        " found by the same command in a minute\n"
    )
    assert world.sweeps() == 0
    complete(clock)
    assert (world.history("a:b"), world.history("c")) == ([1, 2, 3], [1, 2, 4])
    [told] = expunge(capsys, "deletions", request)[1]
    assert (told["state"], told["deleted"]) == ("partial", 0)


def test_a_run_that_is_at_work_on_a_deletion_stops_when_it_is_ended(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("expunge.history.passes.SLICE", 1)
    world.keyset()
    world.channel_messages("c", *range(20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store().client, "transact_write_items", failing())
        request = call(delete_history, path={"sub_key": SUB_KEY, "channels": "c"}).headers["x-request-id"]
    clock.run(61)
    write = store().client.transact_write_items
    own = Store(world.store.client, world.store.table)

    def meanwhile(**arguments: Any) -> Any:
        monkeypatch.setattr(store().client, "transact_write_items", write)
        reply = write(**arguments)
        restoring.end_sweep(own, SUB_KEY, request, 400, Deadline.never())
        return reply

    monkeypatch.setattr(store().client, "transact_write_items", meanwhile)
    purge({}, clock.invocation(270))

    assert len(world.history("c")) == 19
    assert expunge(capsys, "restore", request)[:2] == (0, [{"restored": 1}])


def test_messages_that_a_longer_retention_dated_anew_are_found(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    request = history_deleted(world)
    complete(clock)
    clock.run(30 * 86400)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("expunge.background.scheduled.settings", lambda: replace(settings(), retention_days=40))
        purge({}, clock.invocation(270))
    assert {each["state_sk"].partition("#")[0] for each in world.items()} != {
        timestamps.millis(clock.began + timedelta(days=30))
    }

    assert expunge(capsys, "restore", request)[0] == 1
    assert expunge(capsys, "restore", request, "--retention-days", "40")[:2] == (0, [{"restored": 4}])


def test_any_number_is_restored_in_slices_also_where_the_time_is_up_between_them(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "SLICE", 2)
    monkeypatch.setattr(restoring, "_PAGE", 1)
    world.keyset()
    world.channel_messages("c", *range(9))
    request = call(delete_history, path={"sub_key": SUB_KEY, "channels": "c"}).headers["x-request-id"]
    complete(clock)
    monkeypatch.setattr("cli.restore._SECONDS", 2)

    assert expunge(capsys, "restore", request)[:2] == (0, [{"restored": 9}])
    assert world.history("c") == list(range(9))


def test_what_another_request_deleted_since_stays_deleted(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    first = history_deleted(world, end="2")
    complete(clock)
    expunge(capsys, "restore", first, "--id", "c:2")
    second = call(delete_history, **REQUEST, query={"end": "2", "start": "3"}).headers["x-request-id"]  # type: ignore[arg-type]
    complete(clock)

    assert expunge(capsys, "restore", first)[:2] == (0, [{"restored": 2}])
    assert (world.history("a:b"), world.history("c")) == ([1, 2, 3], [])
    assert expunge(capsys, "restore", second)[:2] == (0, [{"restored": 1}])


def test_what_was_purged_is_not_restored(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    request = history_deleted(world)
    complete(clock)
    clock.run(31 * 86400)
    purge({}, clock.invocation(270))

    assert expunge(capsys, "restore", request)[0] == 1
    assert expunge(capsys, "restore", request, "--id", "c:2")[0] == 1
    assert world.items() == []


def test_inbound_messages_and_pull_events_are_restored_too(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.api_key()
    world.pull_endpoint()
    ids = [world.message(number) for number in range(3)]
    event = world.event(9)
    inbound = call(delete_all).headers["x-request-id"]
    pull = call(delete_events, path={"id": PULL}).headers["x-request-id"]

    assert expunge(capsys, "restore", inbound, "--id", ids[1].upper()) == (0, [{"restored": 1}], "")
    assert world.live() == {ids[1]}
    assert expunge(capsys, "restore", inbound, "--account", ACCOUNT) == (0, [{"restored": 2}], "")
    assert expunge(capsys, "restore", pull) == (0, [{"restored": 1}], "")
    assert world.live() == {*ids, event}
    assert {each["restored_by"] for each in world.items()} == {"operator"}
    assert look(inbound).data["restored"] == 3


def test_a_store_that_fails_stops_a_restore_which_says_how_far_it_got(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.api_key()
    world.message(1)
    request = call(delete_all).headers["x-request-id"]

    monkeypatch.setattr("cli.restore.restoring.restore", lambda *_: Shortfall(Unavailable()))

    assert expunge(capsys, "restore", request) == (
        1,
        [],
        "expunge: stopped after 0 messages were restored: store unavailable; the same command continues\n",
    )


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("command", ["restore", "deletions"])
def test_an_id_that_is_not_there_is_said_to_be_unknown(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    for owner in ([], ["--account", ACCOUNT], ["--sub-key", SUB_KEY]):
        assert expunge(capsys, command, "req_9", *owner) == (
            1,
            [],
            "expunge: there is no deletion with the id 'req_9'; `expunge deletions` lists those there are\n",
        )


@pytest.mark.parametrize("command", ["restore", "deletions"])
def test_an_account_and_a_sub_key_together_are_wrong_use(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    status, _, err = expunge(capsys, command, "req_9", "--account", "a", "--sub-key", "b")
    assert status == 2
    assert err == "expunge: A deletion belongs to an account or to a sub key: give one of them.\n"


@pytest.mark.parametrize("wrong", ["c", "c:", ":1", "c:x"])
def test_an_id_in_a_channel_without_a_timetoken_is_wrong_use(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    request = history_deleted(world)
    complete(clock)

    status, _, err = expunge(capsys, "restore", request, "--id", wrong)

    assert status == 2
    assert err == (
        f"expunge: Invalid value for '--id': {wrong!r} is not CHANNEL:TIMETOKEN, which an id in a channel's"
        " history is.\n"
    )
    assert world.live() == set()
