"""One run of the purge works at a time; whoever dies holds up the next one for a minute."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from expunge import timestamps
from expunge.deletions import lease as leases
from expunge.deletions import runs
from expunge.errors import PurgeFailed
from expunge.history import sweeps
from expunge.table import keys
from expunge.table.store import key, store
from tests.functions.bin import NOTHING, NOW, Logged, both, deleted, left, purge, refuse
from tests.world import RunningOut, World


def lease(world: World, **fields: str) -> dict[str, str]:
    """Write to the lease, if there are fields to write, and show what it is then."""
    where: Any = {"TableName": world.store.table, "Key": key(keys.LEASE, keys.PURGE)}
    if fields:
        item = where["Key"] | {name: {"S": value} for name, value in fields.items()}
        world.store.client.put_item(TableName=world.store.table, Item=item)
    item = world.store.client.get_item(**where).get("Item", {})
    return {name: value["S"] for name, value in item.items() if name not in where["Key"]}


def test_a_run_leaves_the_work_to_another_that_is_at_work(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    world.message(1, **deleted())
    calls: list[str] = []
    monkeypatch.setattr(sweeps, "resume", lambda *_: calls.append("resume"))
    held = lease(
        world, holder_id="another", leased_until=timestamps.millis(timestamps.now() + timedelta(seconds=9))
    )

    assert purge() == {"purged": 0, "resumed": 0, "remaining": True}
    assert left(world) == both(1)
    assert lease(world) == held
    assert calls == []
    lines = logged()
    assert [line["message"] for line in lines if "level" in line] == ["Another run is at work"]
    assert [line["LeftToAnotherRun"] for line in lines if "family" in line] == [[1]]


def test_a_lease_that_ran_out_keeps_nobody_from_working(world: World) -> None:
    world.message(1, **deleted())
    lease(
        world, holder_id="dead", leased_until=timestamps.millis(timestamps.now() - timedelta(milliseconds=1))
    )

    assert purge()["purged"] == 1
    assert set(lease(world)) == {"clear_until"}


def test_a_run_has_the_lease_while_it_works_and_releases_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1, **deleted())
    others: list[Any] = []
    world.before_write(monkeypatch, lambda: others.append(purge()))

    assert purge() == {"purged": 1, "resumed": 0, "remaining": False}
    assert others == [{"purged": 0, "resumed": 0, "remaining": True}]
    assert set(lease(world)) == {"clear_until"}


def test_a_run_that_fails_releases_the_lease(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store().client, "query", refuse("AccessDeniedException"))
    with pytest.raises(PurgeFailed):
        purge()

    assert set(lease(world)) == {"clear_until"}


def test_the_lease_lasts_a_minute_and_is_renewed_while_the_run_works(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [NOW]
    monkeypatch.setattr(timestamps, "now", lambda: clock[0])
    monkeypatch.setattr(leases, "_RENEWED_AFTER", 0.01)
    seen: list[dict[str, str]] = []

    def resume(*_: Any) -> sweeps.Resumed:
        seen.append(lease(world))
        clock[0] += timedelta(seconds=20)
        looks = (lease(world) for _ in range(2000))
        seen.append(next(now for now in looks if now != seen[0]))
        return sweeps.Resumed(0, remaining=False)

    monkeypatch.setattr(sweeps, "resume", resume)

    assert purge() == NOTHING
    first, then = seen
    assert first["holder_id"] == then["holder_id"]
    assert first["leased_until"] == timestamps.millis(NOW + timedelta(seconds=60))
    assert then["leased_until"] == timestamps.millis(NOW + timedelta(seconds=80))


def test_a_run_whose_lease_was_taken_finishes_and_leaves_it_to_its_new_holder(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_RENEWED_AFTER", 0.01)
    world.message(1, **deleted())
    held = {"holder_id": "another", "leased_until": "2999-01-01T00:00:00.000Z"}
    world.before_write(monkeypatch, lambda: lease(world, **held))

    assert purge()["purged"] == 1
    assert lease(world) == held


def test_a_lease_whose_answer_was_lost_is_the_runs_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.message(1, **deleted())
    update = store().client.update_item
    sent: list[Any] = []

    def lose_each_first_answer(**arguments: Any) -> Any:
        reply = update(**arguments)
        sent.append(arguments)
        if sent.count(arguments) == 1:
            raise ReadTimeoutError(endpoint_url="https://dynamodb.example")
        return reply

    monkeypatch.setattr(store().client, "update_item", lose_each_first_answer)

    assert purge()["purged"] == 1
    assert set(lease(world)) == {"clear_until"}


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_a_run_that_cannot_take_the_lease_works_without_it(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged, code: str
) -> None:
    world.message(1, **deleted())
    monkeypatch.setattr(store().client, "update_item", refuse(code))
    for module in (leases, runs):
        monkeypatch.setattr(module, "_PATIENCE", 0.1)

    assert purge(context=RunningOut())["purged"] == 1
    assert left(world) == set()
    warnings = [line["message"] for line in logged() if line.get("level") == "WARNING"]
    assert warnings == [
        "The lease was not taken; the run goes on without it",
        "The run's record was not written",
        "The run's record was not written",
        "The lease was not released; it runs out by itself",
    ]
