"""Whatever comes between the steps of a purge, a message lives with its content or goes with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delete_inbound_messages import handler as delete_all
from expunge.deadline import Deadline
from expunge.deletions import contents, holding, holds, removing
from expunge.deletions.covered import Covered
from expunge.deletions.pace import Pace
from expunge.table import keys
from restore_deletion import handler as restore
from tests.bucket import Bucket, intercept_all
from tests.clock import Clock
from tests.functions.contents.named import CALLS, named, purged, rows, run
from tests.world import ACCOUNT, Reply, World, call, message_id


def test_a_restore_before_the_purge_leaves_the_content(world: World, bucket: Bucket) -> None:
    named(world, 1, bucket.put("a"), status="succeeded")
    done = call(delete_all)
    assert done.data["deleted"] == 1

    assert restored(done).data["restored"] == 1
    assert run() == purged(0)
    assert (bucket.left(), world.live()) == (["a"], {message_id(1)})
    assert rows(world)[message_id(1)]["content_url"] == "s3://contents/a"


def restored(done: Reply) -> Reply:
    return call(restore, path={"request_id": done.headers["x-request-id"]})


@contextmanager
def at_the_call(moment: int, act: Callable[[Callable[[], Any]], Any]) -> Iterator[list[str]]:
    """Have something happen at one of these calls; yields those that were made, apart from that."""
    made: list[str] = []
    acting: list[bool] = []

    def note(operation: str, make: Callable[[], Any]) -> Any:
        if operation not in CALLS or acting:
            return make()
        made.append(operation)
        if len(made) != moment + 1:
            return make()
        acting.append(True)
        try:
            return act(make)
        finally:
            acting.clear()

    with pytest.MonkeyPatch.context() as patch:
        intercept_all(patch, note)
        yield made


@pytest.mark.parametrize("moment", range(len(CALLS)))
def test_whoever_comes_first_gets_all_of_it_restore_or_purge(
    world: World, bucket: Bucket, moment: int
) -> None:
    """A restore between every two calls of a purge: the message lives with its content, or goes with it."""
    named(world, 1, bucket.put("a"), status="succeeded")
    done = call(delete_all)

    def restore_first(make: Callable[[], Any]) -> Any:
        restored(done)
        return make()

    with at_the_call(moment, restore_first) as made:
        run()
    assert made == (CALLS[: moment + 1] if moment < 2 else CALLS)
    run()

    expected = (["a"], {message_id(1)}) if moment < 2 else ([], set())
    assert (bucket.left(), world.live()) == expected
    assert set(rows(world)) == expected[1]


class Died(BaseException):
    """The function's process ended."""


@pytest.mark.parametrize("after", ["before the call", "after it"])
@pytest.mark.parametrize("moment", range(len(CALLS)))
def test_wherever_the_purge_dies_the_next_run_removes_what_is_left(
    world: World, bucket: Bucket, moment: int, after: str
) -> None:
    named(world, 1, bucket.put("a", versions=2))

    def die(make: Callable[[], Any]) -> Any:
        if after == "after it":
            with suppress(ClientError):
                make()
        raise Died

    with at_the_call(moment, die) as made, suppress(Died):
        run()
    assert made == CALLS[: moment + 1]
    for row in rows(world).values():
        # Never a record without its content that could still be restored.
        assert len(bucket.left()) == 2 or "erased_at" in row
    world.store.delete(keys.LEASE, keys.PURGE, Deadline.never())

    run()
    assert (bucket.left(), rows(world)) == ([], {})
    assert len(world.tombstones()) == 1


def test_what_is_held_keeps_its_content_and_goes_once_it_is_released(world: World, bucket: Bucket) -> None:
    named(world, 1, bucket.put("a"))
    named(world, 2, bucket.put("b"))
    hold = holding.place(
        world.store,
        Covered(account_id=ACCOUNT, messages=(message_id(1),)),
        reason="r",
        by="me",
        deadline=Deadline.never(),
    )

    assert run() == purged(1) | {"held": 1}
    assert bucket.left() == ["a"]
    assert "erased_at" not in rows(world)[message_id(1)]

    holding.release(world.store, hold.id, by="me", deadline=Deadline.never())
    assert run() == purged(1)
    assert bucket.left() == []


def test_a_hold_that_comes_while_the_purge_is_at_work_keeps_what_is_not_noted_as_erased(
    world: World, bucket: Bucket
) -> None:
    named(world, 1, bucket.put("a"))

    def place(make: Callable[[], Any]) -> Any:
        holding.place(
            world.store, Covered(account_id=ACCOUNT), reason="r", by="me", deadline=Deadline.never()
        )
        return make()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(holds, "_FRESH", timedelta(0))  # read again for each step
        with at_the_call(0, place) as made:
            assert run()["held"] == 1
    assert made == [*CALLS[:1], "TransactWriteItems"]  # it is set aside
    assert bucket.left() == ["a"]
    assert "erased_at" not in rows(world)[message_id(1)]


@pytest.mark.parametrize("slow", ["ListObjectVersions", "DeleteObjects"])
def test_nothing_is_removed_by_holds_that_were_read_too_long_ago(
    world: World, bucket: Bucket, clock: Clock, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """S3 takes more than a minute for a call about the first object; meanwhile a hold comes into force."""
    monkeypatch.setattr(contents, "_PAGE", 1)
    for number, name in enumerate("ab"):
        named(world, number, bucket.put(name, versions=3))
    calls: list[str] = []

    def hold_comes(operation: str, make: Callable[[], Any]) -> Any:
        reply = make()
        if operation == slow and not calls:
            calls.append(operation)
            covered = Covered(account_id=ACCOUNT)
            holding.place(world.store, covered, reason="r", by="me", deadline=Deadline.never())
            clock.run(70)
        return reply

    intercept_all(monkeypatch, hold_comes)

    assert run(clock.invocation(270)) == {"purged": 0, "resumed": 0, "remaining": False, "held": 2}
    assert len(bucket.left()) == 6 - (slow == "DeleteObjects")
    assert len(rows(world)) == 2


def test_nothing_is_noted_as_erased_by_holds_that_were_read_too_long_ago(
    world: World, bucket: Bucket, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store takes more than a minute over the note about the first; meanwhile a hold comes into force."""
    monkeypatch.setattr(removing, "Pace", lambda _: Pace(1))  # as after a transaction that was too large
    for number, name in enumerate("ab"):
        named(world, number, bucket.put(name))

    def place(make: Callable[[], Any]) -> Any:
        reply = make()
        covered = Covered(account_id=ACCOUNT)
        holding.place(world.store, covered, reason="r", by="me", deadline=Deadline.never())
        clock.run(70)
        return reply

    with at_the_call(2, place):  # after both were refused because of their content
        assert run(clock.invocation(270))["held"] == 2

    assert ["erased_at" in row for _, row in sorted(rows(world).items())] == [True, False]
    assert bucket.left() == ["a", "b"]
