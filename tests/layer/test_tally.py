"""What became of the messages that a run of the purge found, in numbers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from expunge.deletions.due import Due, Rule
from expunge.deletions.parking import Look, Moved, Waiting
from expunge.deletions.tally import Tally
from expunge.errors import ContentLeft
from expunge.table import keys
from expunge.table.search import Found, Partition

RULE = Rule(datetime(2026, 5, 1, tzinfo=UTC), timedelta(days=30))
PK = keys.message("INBOUND", "acc_1", "1")


def row(*, due: bool = True, moved: bool | None = None, **became: Any) -> Due:
    """A message found in the bin; `moved` tells whether it was moved, or was to be and was not."""
    order = keys.bin_order("2026-04-30T00:00:00.000Z" if due else "2026-05-02T00:00:00.000Z", PK)
    made = Due(Found(order, PK, Partition(keys.BY_STATE, keys.bin_shard(PK))), RULE)
    for name, value in became.items():
        setattr(made, name, value)
    if moved is not None:
        made.moved = Moved.aside(made.found)
        made.moved.done = moved
    return made


@pytest.mark.parametrize(
    ("rows", "removed", "held"),
    [
        ([row(removed=True), row(removed=True), row()], 2, 0),
        # Set aside: only if the move was made, and only what is held.
        ([row(held=True, moved=True), row(held=True, moved=False), row(moved=True)], 0, 1),
        # Held, and set aside before: due or not.
        ([row(held=True), row(held=True, due=False)], 0, 1),
    ],
)
def test_what_is_held_and_due_is_counted_by_the_run_that_looks_at_it(
    rows: list[Due], removed: int, held: int
) -> None:
    tally = Tally()
    tally.looked(Look("2026-05-01T00:00:00.000Z", ""), through=True)
    tally.take(rows)

    assert (tally.removed, tally.dated_anew, tally.held) == (removed, 0, held)


def test_a_run_that_did_not_look_believes_what_was_noted_and_adds_what_it_set_aside() -> None:
    tally = Tally()
    tally.waiting = Waiting(5)
    tally.take([row(held=True, moved=True)])

    assert tally.held == 6


def test_contents_that_are_left_are_counted_and_those_for_which_repeating_is_no_use() -> None:
    tally = Tally()
    gone, slow = ContentLeft("AccessDenied", stays=True), ContentLeft("SlowDown", stays=False)
    tally.take([row(left=gone), row(left=gone), row(left=slow), row()])

    assert tally.say_what_is_left() == (3, 2)
