"""What a run of the purge removed without an answer is counted once, or said to be in doubt."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from expunge.deadline import Deadline
from expunge.deletions import purging, runs
from expunge.deletions.purged import Purged
from expunge.errors import PurgeFailed
from expunge.table.store import store
from tests.clock import Clock
from tests.disturbances import LateWrites
from tests.failing import LOST
from tests.functions.bin import NOTHING, NOW, Logged, deleted, left, purge
from tests.world import World


def test_a_write_whose_answer_was_lost_is_counted_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto knows no client token: there the repetition finds the tombstone of the first attempt."""
    world.message(1, **deleted())
    write = store().client.transact_write_items
    sent: list[dict[str, Any]] = []

    def lost_once(**arguments: Any) -> Any:
        sent.append(arguments)
        reply = write(**arguments)
        if len(sent) == 1:
            raise LOST
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
            raise LOST
        return write(**arguments)

    def another() -> Purged:
        return purging.remove_due(store(), NOW, 30, Deadline.never())

    monkeypatch.setattr(store().client, "transact_write_items", overtaken)

    assert purge() == NOTHING
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
            raise LOST
        return write(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", lost_thrice)

    assert purge()["purged"] == 2
    assert sent == [sent[0]] * 4


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
        raise LOST

    monkeypatch.setattr(store().client, "transact_write_items", hangs)
    with suppress(PurgeFailed):
        purge(context=clock.invocation(270))

    [run] = runs.newest(store(), Deadline.never())
    assert (run["purged"], run["in_doubt"]) == (1, 1)
    assert run["ended_at"]
