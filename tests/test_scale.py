"""Work that is spread over several functions, on a simulated store with AWS's limits."""

import pytest

from benchmarks.picture import PAGE, PICTURE, lines, picture, table
from benchmarks.scale import Work, purge, sweep

MESSAGES = 1600
LONG = 10_000.0


@pytest.mark.parametrize("work", [purge, sweep])
def test_two_workers_take_at_most_six_tenths_of_the_time_of_one(work: Work) -> None:
    one, two = (work(workers, MESSAGES, until=LONG) for workers in (1, 2))
    assert one.done == two.done == MESSAGES
    assert two.seconds <= 0.6 * one.seconds


@pytest.mark.parametrize(("work", "units"), [(purge, 5), (sweep, 4)])
def test_a_message_costs_as_many_writes_however_many_workers_there_are(work: Work, units: int) -> None:
    results = [work(workers, MESSAGES, until=LONG) for workers in (1, 2, 4)]
    assert {each.done for each in results} == {MESSAGES}
    assert {each.units for each in results} == {MESSAGES * units}
    fewest = min(each.calls for each in results)
    # A worker's last transaction is seldom full.
    assert max(each.calls for each in results) <= fewest + 4


def test_the_documentation_shows_what_was_found() -> None:
    assert PICTURE.read_text() == picture(lines())
    assert table(lines()) in PAGE.read_text()
