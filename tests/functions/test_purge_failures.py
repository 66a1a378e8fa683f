"""A run of the purge that fails, or whose time is up, says how far it got, and the next one continues."""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event
from typing import Any

import pytest

from expunge.deletions import purging
from expunge.errors import PurgeFailed
from expunge.table.store import store
from tests.functions.bin import Logged, both, deleted, left, purge, refuse
from tests.world import RunningOut, World


def test_when_time_is_up_the_next_run_continues(world: World) -> None:
    world.message(1, **deleted())

    assert purge(context=RunningOut(seconds=0)) == {"purged": 0, "resumed": 0, "remaining": True}
    assert left(world) == both(1)
    assert purge() == {"purged": 1, "resumed": 0, "remaining": False}


def test_a_store_that_throttles_to_the_end_leaves_the_rest_to_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1, **deleted())
    monkeypatch.setattr(store().client, "transact_write_items", refuse("ThrottlingException"))

    assert purge(context=RunningOut(seconds=2)) == {"purged": 0, "resumed": 0, "remaining": True}
    assert left(world) == both(1)


@pytest.mark.parametrize("operation", ["query", "transact_write_items"])
def test_a_store_that_fails_is_a_failed_invocation_that_says_how_far_it_got(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged, operation: str
) -> None:
    world.message(1, **deleted())
    monkeypatch.setattr(store().client, operation, refuse("AccessDeniedException"))

    with pytest.raises(PurgeFailed) as failed:
        purge()

    assert str(failed.value) == (
        "Stopped after 0 messages were purged and 0 background deletions resumed: store unavailable."
        " The next run continues."
    )
    assert left(world) == both(1)
    lines = logged()
    assert [line["message"] for line in lines if line.get("level") == "ERROR"] == ["Purge failed"]
    assert [line["stopped"] for line in lines if line.get("message") == "Purged"] == ["store unavailable"]
    [counts] = [line for line in lines if "Purged" in line]
    assert (counts["Purged"], counts["Remaining"]) == ([0], [1])


def test_an_unforeseen_failure_loses_no_counts(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    monkeypatch.setattr(purging, "ROWS", 1)
    monkeypatch.setattr(purging, "_AT_ONCE", 1)
    for number in range(2):
        world.message(number, **deleted())
    writes = [store().client.transact_write_items]

    def one_then_a_surprise(**arguments: Any) -> Any:
        if not writes:
            raise RuntimeError("surprise")
        return writes.pop()(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", one_then_a_surprise)
    with pytest.raises(PurgeFailed, match="after 1 messages"):
        purge()

    assert "surprise" in str([line for line in logged() if line.get("level") == "ERROR"])


def test_a_conflict_over_the_content_alone_passes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        world.message(number, **deleted())
    write = store().client.transact_write_items
    reasons = [{"Code": code} for code in ("None", "TransactionConflict", "None", "None")]
    answers = [refuse("TransactionCanceledException", CancellationReasons=reasons)]

    def conflict_once(**arguments: Any) -> Any:
        return (answers.pop() if answers else write)(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", conflict_once)

    assert purge()["purged"] == 2
    assert left(world) == set()


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Set when a run begins nothing new any more."""
    event = Event()
    shutdown = ThreadPoolExecutor.shutdown

    def end(pool: ThreadPoolExecutor, **how: Any) -> None:
        shutdown(pool, **how)
        event.set()

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", end)
    return event


def test_a_failed_run_does_not_wait_for_what_never_began(
    world: World, monkeypatch: pytest.MonkeyPatch, ended: Event
) -> None:
    monkeypatch.setattr(purging, "ROWS", 1)
    monkeypatch.setattr(purging, "_AT_ONCE", 1)
    for number in range(9):
        world.message(number, **deleted())
    calls: list[Any] = []
    cancelled: list[int] = []

    def fail(**arguments: Any) -> Any:
        calls.append(arguments)
        assert len(calls) == 1 or ended.wait(timeout=10)
        refuse("AccessDeniedException")()

    def counting_wait(futures: Iterable[Future[None]], *how: Any) -> Any:
        cancelled.append(sum(future.cancelled() for future in futures))
        return wait(futures, *how)

    monkeypatch.setattr(store().client, "transact_write_items", fail)
    monkeypatch.setattr(purging, "wait", counting_wait)

    with pytest.raises(PurgeFailed):
        purge()
    assert set(cancelled) == {0}


def test_what_was_under_way_when_another_transaction_failed_is_counted(
    world: World, monkeypatch: pytest.MonkeyPatch, ended: Event
) -> None:
    monkeypatch.setattr(purging, "ROWS", 1)
    for number in range(2):
        world.message(number, **deleted())
    write = store().client.transact_write_items
    written = Event()
    turns = iter(["late", "failing"])

    def fail_or_be_late(**arguments: Any) -> Any:
        if next(turns) == "failing":
            assert written.wait(timeout=10)
            refuse("AccessDeniedException")()
        reply = write(**arguments)
        written.set()
        assert ended.wait(timeout=10)
        return reply

    monkeypatch.setattr(store().client, "transact_write_items", fail_or_be_late)

    with pytest.raises(PurgeFailed, match="after 1 messages"):
        purge()
    assert len(world.items()) == 1
