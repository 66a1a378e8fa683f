"""When the purge looks through the messages that wait because they are held."""

from datetime import UTC, datetime, timedelta

import pytest

from expunge.deletions.parking import Look, Waiting
from expunge.timestamps import millis

NOW = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def ago(long: timedelta) -> str:
    return millis(NOW - long)


@pytest.mark.parametrize(
    ("waiting", "look"),
    [
        (Waiting(), False),
        (Waiting(5000), True),
        (Waiting(0, ago(SECOND)), False),
        (Waiting(1, ago(SECOND)), True),
        (Waiting(1000, ago(SECOND)), True),
        (Waiting(1001, ago(SECOND)), False),
        (Waiting(1001, ago(DAY)), False),
        (Waiting(1001, ago(DAY + SECOND)), True),
        # A hold was released since, or a run saw that so shortly before that it may not have shown.
        (Waiting(1001, ago(SECOND), "release_1", "release_1", ago(181 * SECOND)), False),
        (Waiting(1001, ago(SECOND), "release_1", "release_1", ago(180 * SECOND)), True),
        (Waiting(1001, ago(SECOND), "release_2", "release_1", ago(DAY)), True),
        (Waiting(0, ago(SECOND), "release_1"), True),
        (Waiting(0, "", ago(DAY)), True),
        # A look that has not come to its end.
        (Waiting(1001, ago(SECOND), look=Look(ago(SECOND), "")), True),
    ],
)
def test_they_are_looked_through_while_they_are_few_after_a_release_and_once_a_day(
    *, waiting: Waiting, look: bool
) -> None:
    assert waiting.to_be_looked_at(NOW) is look
