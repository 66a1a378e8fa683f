"""What a search through an index asks the store, and in which order it gives what it found."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from expunge.deadline import Deadline
from expunge.table import keys
from expunge.table.search import Found, Partition, Range, oldest_first
from expunge.table.store import store
from tests.world import ACCOUNT, INBOUND, World, at, message_id

QUEUED, FAILED = (
    Partition(keys.BY_STATE, keys.live("INBOUND", ACCOUNT, INBOUND, status))
    for status in ("queued", "failed_permanent")
)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def queries(calls: list[tuple[str, Any]]) -> list[Any]:
    return [arguments for name, arguments in calls if name == "Query"]


def test_what_several_partitions_hold_comes_in_one_order(
    world: World, pool: ThreadPoolExecutor, calls: list[tuple[str, Any]]
) -> None:
    for number in range(6):
        world.message(number, status="queued" if number in (0, 3, 4) else "failed_permanent")
    calls.clear()

    bounds = Range(at(1), at(5))
    found = list(oldest_first(store(), pool, [QUEUED, FAILED], bounds, 100, Deadline.never()))

    assert found == [
        Found(
            keys.live_order(at(number), message_id(number)),
            keys.message("INBOUND", ACCOUNT, message_id(number)),
            QUEUED if number in (3, 4) else FAILED,
        )
        for number in (1, 2, 3, 4)
    ]
    assert [(call["IndexName"], call["ProjectionExpression"], call["Limit"]) for call in queries(calls)] == [
        ("by_state", "pk, state_sk", 100),
        ("by_state", "pk, state_sk", 100),
    ]


def test_a_page_is_read_when_it_is_needed_and_never_a_smaller_one_than_costs_as_much(
    world: World, pool: ThreadPoolExecutor, calls: list[tuple[str, Any]]
) -> None:
    for number in range(60):
        world.message(number, status="queued")
    calls.clear()
    sizes = iter([10, 26, 0])

    found = oldest_first(store(), pool, [QUEUED], Range(), lambda: next(sizes), Deadline.never())
    read = [(next(found).pk, len(queries(calls))) for _ in range(60)]

    assert [pk for pk, _ in read] == [keys.message("INBOUND", ACCOUNT, message_id(n)) for n in range(60)]
    assert [pages for _, pages in read] == [1] * 25 + [2] * 26 + [3] * 9
    assert next(found, None) is None
    assert [call["Limit"] for call in queries(calls)] == [25, 26, 25]
