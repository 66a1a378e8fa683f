"""On a schedule, or by hand: go on with background deletions, then remove for good what is due."""

from datetime import timedelta
from typing import Any, Final

import expunge.cold_start  # noqa: F401 - before all others
from expunge import timestamps
from expunge.deadline import Context, Deadline
from expunge.deletions import reporting
from expunge.deletions.asked import Asked
from expunge.deletions.brakes import Brakes
from expunge.deletions.due import Rule
from expunge.deletions.lease import leased
from expunge.deletions.preview import preview
from expunge.deletions.purging import Purged, remove_due
from expunge.deletions.runs import Run
from expunge.errors import (
    Braked,
    OutOfTime,
    PurgeFailed,
    PurgeUnderWay,
    StoreError,
    Throttled,
    Unavailable,
)
from expunge.history import sweeps
from expunge.settings import purge_stops_above, settings, work_queue
from expunge.spreading import Spreading
from expunge.table.store import store
from expunge.telemetry import count, logger

LEFT_TO_ANOTHER_RUN: Final = {"purged": 0, "resumed": 0, "remaining": True}
"""The answer of a run that found another one at work, and did nothing."""


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Return how many messages were purged and background deletions resumed, and whether some remain.

    The event's `time` is the now of the run; by hand it may be left out. One that is more than 5 minutes
    ahead of the clock is refused unless the event says `"force": true`. Where holds kept some, `held` says
    how many; where somebody has paused the purge, `paused` is true; where the run had removed as many
    messages as one may, `stopped` says so; where content in S3 could not be removed, `content_left` counts
    its messages. Those that another run at once would leave too do not make `remaining` true.

    With `"dry_run": true` nothing is changed, and it returns what is due at that time, as preview() does.

    Running out of time is success with `remaining: true`; a malformed event or a failed store raises, so that
    alarms and the dead-letter queue hear of it. Before a malformed event nothing was removed. After a failed
    store the error, the log and the metrics say how far the run got.
    """
    with logger.append_context_keys(request_id=context.aws_request_id):
        try:
            return run(event, context)
        except PurgeUnderWay as other:
            logger.info("Another run is at work", extra={"until": other.until})
            count("purge", LeftToAnotherRun=1)
            return LEFT_TO_ANOTHER_RUN
        except Exception:
            logger.exception("Purge failed")
            raise


def run(event: Any, context: Context) -> dict[str, Any]:
    """Do what the handler does, but raise PurgeUnderWay if another run is at work."""
    now, dry_run = Asked.by(event)
    time_left = context.get_remaining_time_in_millis
    if dry_run:
        rule = Rule(now, timedelta(days=settings().retention_days))
        return preview(store(), rule, Deadline(time_left))
    half = time_left() // 2
    began = timestamps.now()
    with leased(store(), Deadline(time_left)) as lease:
        record = Run()
        record.begin(store(), Deadline(time_left))
        most = purge_stops_above()
        brakes = Brakes(store(), most, Deadline(time_left))
        spreads = bool(work_queue()) and _goes(brakes)
        # A time ahead of the clock is for one run, which somebody has forced.
        until = min(now, began)
        others = Spreading(store(), until, record.sk, most)
        left = others.taken_over(Deadline(time_left), purging=spreads)
        # Half the time at most, lest a long background deletion keep what is due from being removed.
        sweeping = Deadline(lambda: time_left() - half)
        swept = sweeps.Resumed(0, remaining=True) if left else sweeps.resume(store(), sweeping)
        if left and spreads:
            purged = Purged(0, 0, left.oldest, OutOfTime() if left.oldest else None)
        else:
            days, tombstone_days = settings().retention_days, settings().tombstone_days
            purged = remove_due(store(), now, days, Deadline(time_left), tombstone_days, brakes)
        if not left:
            due = purged.oldest if spreads and isinstance(purged.stopped, (OutOfTime, Throttled)) else None
            time_was_up = swept.remaining and sweeping.for_searching().to_start() <= 0
            others.hand_over(due, began, purged.removed, Deadline(time_left), sweeping=time_was_up)
        late = reporting.oldest_due_age(purged, lease, began)
        reporting.remember(purged, lease, now, began)
        result = reporting.answer(purged, swept.resumed, sweeps_remain=swept.remaining)
        record.end(store(), Deadline(time_left).for_settling(), result, purged.reason)
    reporting.publish(result, now, purged, late, brakes.pause.lasts(timestamps.now()))
    if isinstance(purged.stopped, Unavailable):
        raise PurgeFailed(purged.stopped, purged.removed, swept.resumed) from purged.stopped
    return result


def _goes(brakes: Brakes) -> bool:
    """Whether messages may be removed."""
    try:
        brakes.check()
    except (Braked, StoreError):
        return False
    return True
