"""How many messages the purge removes in one transaction, also where the store takes fewer."""

import time
from typing import Any

import pytest

from expunge.deletions import purging
from expunge.table.store import store
from tests.functions.bin import deleted, left, purge, refuse
from tests.world import World


def test_a_transaction_that_is_too_large_is_sent_in_parts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "_AT_ONCE", 1)
    for number in range(7):
        world.message(number, **deleted())
    write = store().client.transact_write_items
    sizes: list[int] = []

    def write_a_few(**arguments: Any) -> Any:
        sizes.append(len(arguments["TransactItems"]))
        return (write if sizes[-1] <= 4 else refuse("ValidationException"))(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", write_a_few)

    assert purge()["purged"] == 7
    assert left(world) == set()
    # Half as many as were refused, then one more after a few that went well.
    assert sizes == [14, 6, 2, 2, 2, 2, 4, 2]


def test_one_transaction_takes_fifty_messages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purging, "_AT_ONCE", 1)
    for number in range(51):
        world.message(number, **deleted())
    write = store().client.transact_write_items
    sizes: list[int] = []

    def count(**arguments: Any) -> Any:
        sizes.append(len(arguments["TransactItems"]))
        return write(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", count)

    assert purge()["purged"] == 51
    assert sizes == [100, 2]


def throttle_above(monkeypatch: pytest.MonkeyPatch, items: int) -> list[int]:
    """Have the store throttle larger transactions; returns the sizes that were asked for."""
    write = store().client.transact_write_items
    sizes: list[int] = []

    def write_a_few(**arguments: Any) -> Any:
        sizes.append(len(arguments["TransactItems"]))
        return (write if sizes[-1] <= items else refuse("ThrottlingException"))(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", write_a_few)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return sizes


@pytest.mark.parametrize(
    "most", [pytest.param(1, marks=pytest.mark.slow), 3, pytest.param(20, marks=pytest.mark.slow)]
)
def test_what_is_too_much_at_once_is_purged_within_the_run_in_smaller_transactions(
    world: World, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(purging, "_AT_ONCE", 1)  # moto takes one transaction at a time
    for number in range(60):
        world.message(number, **deleted())
    throttle_above(monkeypatch, 2 * most)

    assert purge() == {"purged": 60, "resumed": 0, "remaining": False}
    assert left(world) == set()


def test_the_size_that_works_is_remembered_and_slowly_raised(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "_AT_ONCE", 1)
    for number in range(20):
        world.message(number, **deleted())
    sizes = throttle_above(monkeypatch, 6)

    assert purge()["purged"] == 20
    # Three attempts at 20 messages, at 10 and at 5; then 2 at a time, after four of these 3.
    assert sizes == [40] * 3 + [20] * 3 + [10] * 3 + [4] * 4 + [6] * 4


def test_a_short_throttling_makes_no_transaction_smaller(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        world.message(number, **deleted())
    write = store().client.transact_write_items
    answers = [write, refuse("ThrottlingException"), refuse("ThrottlingException")]
    sizes: list[int] = []

    def busy_for_a_while(**arguments: Any) -> Any:
        sizes.append(len(arguments["TransactItems"]))
        return answers.pop()(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", busy_for_a_while)

    assert purge()["purged"] == 4
    assert sizes == [8, 8, 8]
