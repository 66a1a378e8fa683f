"""What a run of the purge tells of how late the purge is, and notes for the runs after it."""

from datetime import UTC, datetime, timedelta

import pytest

from expunge.deadline import Deadline
from expunge.deletions import reporting
from expunge.deletions.lease import Lease
from expunge.deletions.purged import Purged
from expunge.errors import EnoughPurged, PurgePaused, Unavailable
from tests.world import World

BEGAN = datetime(2026, 5, 1, tzinfo=UTC)
BEFORE = "2026-04-30T23:50:00.000Z"
AT = "2026-05-01T00:00:00.000Z"
AFTER = "2026-05-01T00:10:00.000Z"
DONE = Purged(3, 0, None, None)
FAILED = Purged(3, 0, None, Unavailable())


@pytest.fixture
def lease(world: World) -> Lease:
    return Lease(world.store, Deadline.never())


@pytest.mark.parametrize(
    ("purged", "clear_until", "seconds"),
    [
        (DONE, None, 0),
        (DONE, BEFORE, 0),
        (DONE._replace(oldest=BEFORE), None, 600),
        (FAILED._replace(oldest=BEFORE), AT, 600),
        (FAILED, BEFORE, 600),
        (FAILED, AFTER, 0),
        (FAILED, None, None),
    ],
)
def test_the_oldest_is_late_since_it_was_due_or_since_a_run_has_seen_that_nothing_was(
    lease: Lease, purged: Purged, clear_until: str | None, seconds: float | None
) -> None:
    lease.clear_until = clear_until

    assert reporting.oldest_due_age(purged, lease, BEGAN) == seconds


@pytest.mark.parametrize(
    ("purged", "known", "now", "noted"),
    [
        (DONE, None, BEGAN, AT),
        (DONE, BEFORE, BEGAN, AT),
        (DONE, AFTER, BEGAN, AFTER),
        # For a run whose now is ahead of the clock, the clock says until when nothing was left.
        (DONE, None, BEGAN + timedelta(minutes=5), AT),
        (DONE, None, BEGAN - timedelta(minutes=10), BEFORE),
        (DONE._replace(oldest=BEFORE), None, BEGAN, AT),
        (DONE._replace(content_left=1), AT, BEGAN, AT),
        (DONE._replace(content_left=1, oldest=BEFORE), AT, BEGAN, BEFORE),
        (FAILED, BEFORE, BEGAN, BEFORE),
        (FAILED._replace(oldest=BEFORE), AFTER, BEGAN, BEFORE),
        (FAILED._replace(oldest=AFTER), BEFORE, BEGAN, AT),
    ],
)
def test_a_run_notes_until_when_all_that_was_due_is_gone(
    lease: Lease, purged: Purged, known: str | None, now: datetime, noted: str
) -> None:
    lease.clear_until = known

    reporting.remember(purged, lease, now, BEGAN)

    assert lease.clear_until == noted


@pytest.mark.parametrize(
    ("purged", "sweeps_remain", "told"),
    [
        (DONE, 0, {"remaining": False}),
        (DONE, 1, {"remaining": True}),
        (FAILED, 0, {"remaining": True}),
        (DONE._replace(held=2), 0, {"remaining": False, "held": 2}),
        (FAILED._replace(in_doubt=2), 0, {"remaining": True, "in_doubt": 2}),
        (DONE._replace(content_left=2), 0, {"remaining": True, "content_left": 2}),
        (DONE._replace(content_left=2, content_stays=2), 0, {"remaining": False, "content_left": 2}),
        (DONE._replace(stopped=PurgePaused()), 0, {"remaining": True, "paused": True}),
        (
            DONE._replace(stopped=EnoughPurged()),
            0,
            {"remaining": True, "stopped": EnoughPurged.reason},
        ),
    ],
)
def test_a_run_answers_what_it_did_and_what_is_left(
    purged: Purged, sweeps_remain: int, told: dict[str, object]
) -> None:
    assert reporting.answer(purged, 4, sweeps_remain=bool(sweeps_remain)) == {
        "purged": 3,
        "resumed": 4,
        **told,
    }
