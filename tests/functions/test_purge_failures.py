"""A run of the purge that fails, or whose time is up, says how far it got, and the next one continues."""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from expunge.deadline import Deadline
from expunge.deletions import purging, runs
from expunge.deletions.purged import Purged
from expunge.errors import PurgeFailed
from expunge.table.store import store
from tests.clock import Clock
from tests.disturbances import LateWrites
from tests.functions.bin import NOTHING, NOW, Logged, both, deleted, left, purge, refuse
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


def test_a_write_whose_answer_was_lost_is_counted_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto knows no client token: there the repetition finds the tombstone of the first attempt."""
    world.message(1, **deleted())
    write = store().client.transact_write_items
    sent: list[dict[str, Any]] = []

    def lost_once(**arguments: Any) -> Any:
        sent.append(arguments)
        reply = write(**arguments)
        if len(sent) == 1:
            raise ReadTimeoutError(endpoint_url="https://dynamodb.example")
        return reply

    monkeypatch.setattr(store().client, "transact_write_items", lost_once)

    assert purge()["purged"] == 1
    assert left(world) == set()
    # By this, DynamoDB itself knows the repetition, and says yes again.
    assert sent[0] == sent[1]


def test_what_was_removed_without_any_answer_is_read_back_and_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        world.message(number, **deleted())
    late = LateWrites.installed(monkeypatch)
    read = store().client.batch_get_item

    def landed(**arguments: Any) -> Any:
        if "purge_mark" in str(arguments):
            assert late.land() == 1
        return read(**arguments)

    monkeypatch.setattr(store().client, "batch_get_item", landed)
    with pytest.raises(PurgeFailed, match="after 2 messages"):
        purge()

    assert left(world) == set()
    [run] = runs.newest(store(), Deadline.never())
    assert (run["purged"], "in_doubt" in run) == (2, False)


def test_what_may_be_removed_yet_is_told_to_be_in_doubt(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    for number in range(2):
        world.message(number, **deleted())
    late = LateWrites.installed(monkeypatch)

    with pytest.raises(PurgeFailed, match=r"after 0 messages .* 2 more may have been purged"):
        purge()
    late.land()

    assert left(world) == set()
    assert purge() == NOTHING
    second, first = runs.newest(store(), Deadline.never())
    assert (first["purged"], first["in_doubt"]) == (0, 2)
    assert "in_doubt" not in second
    assert [line.get("in_doubt") for line in logged() if line.get("message") == "Purged"] == [2, None]


def test_no_more_is_in_doubt_than_was_under_way_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "ROWS", 1)
    for number in range(16):
        world.message(number, **deleted())
    LateWrites.installed(monkeypatch, after=2)

    with pytest.raises(PurgeFailed) as failed:
        purge()

    assert failed.value.purged == 2
    assert 1 <= failed.value.in_doubt <= 9


def test_what_another_run_removed_before_a_lost_write_was_repeated_is_not_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1, **deleted())
    write = store().client.transact_write_items
    first = [True]

    def overtaken(**arguments: Any) -> Any:
        if first:
            first.clear()
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(another).result().removed == 1
            raise ReadTimeoutError(endpoint_url="https://dynamodb.example")
        return write(**arguments)

    def another() -> Purged:
        return purging.remove_due(store(), NOW, 30, Deadline.never())

    monkeypatch.setattr(store().client, "transact_write_items", overtaken)

    assert purge() == NOTHING
    assert left(world) == set()


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


def test_a_transaction_whose_answers_are_lost_is_sent_again_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        world.message(number, **deleted())
    write = store().client.transact_write_items
    sent: list[dict[str, Any]] = []

    def lost_thrice(**arguments: Any) -> Any:
        sent.append(arguments)
        if len(sent) <= 3:
            raise ReadTimeoutError(endpoint_url="https://dynamodb.example")
        return write(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", lost_thrice)

    assert purge()["purged"] == 2
    assert sent == [sent[0]] * 4


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


def test_a_run_in_which_the_store_hangs_at_the_end_leaves_a_record_of_what_it_did(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "ROWS", 1)
    monkeypatch.setattr(purging, "_AT_ONCE", 1)
    for number in range(3):
        world.message(number, **deleted())
    write = store().client.transact_write_items
    answers = [write]

    def hangs(**arguments: Any) -> Any:
        if answers:
            return answers.pop()(**arguments)
        clock.run(clock.get_remaining_time_in_millis() / 1000 - 5)
        raise ReadTimeoutError(endpoint_url="https://dynamodb.example")

    monkeypatch.setattr(store().client, "transact_write_items", hangs)
    with suppress(PurgeFailed):
        purge(context=clock.invocation(270))

    [run] = runs.newest(store(), Deadline.never())
    assert (run["purged"], run["in_doubt"]) == (1, 1)
    assert run["ended_at"]
