"""On a schedule, or by hand: go on with background deletions, then remove for good what is due."""

from datetime import datetime, timedelta
from typing import Any, Final

import expunge.cold_start  # noqa: F401 - before all others
from expunge import timestamps
from expunge.deadline import Context, Deadline
from expunge.deletions.brakes import Brakes
from expunge.deletions.due import Rule
from expunge.deletions.lease import Lease, leased
from expunge.deletions.preview import preview
from expunge.deletions.purging import Purged, remove_due
from expunge.deletions.runs import Run
from expunge.errors import (
    Braked,
    InvalidRequest,
    OutOfTime,
    PurgeFailed,
    PurgePaused,
    PurgeUnderWay,
    StoreError,
    Throttled,
    Unavailable,
)
from expunge.history import sweeps
from expunge.settings import purge_stops_above, settings, work_queue
from expunge.spreading import Spreading
from expunge.table.store import store
from expunge.telemetry import count, logger, seconds

LEFT_TO_ANOTHER_RUN: Final = {"purged": 0, "resumed": 0, "remaining": True}
"""The answer of a run that found another one at work, and did nothing."""

_AHEAD = timedelta(minutes=5)


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
    now = _now(event)
    time_left = context.get_remaining_time_in_millis
    if event.get("dry_run"):
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
        late = _oldest_due_age(purged, lease, began)
        _remember(purged, lease, now, began)
        result = _result(purged, swept)
        record.end(store(), Deadline(time_left).for_settling(), result, _reason(purged))
    _publish(result, now, purged, late, brakes.pause.lasts(timestamps.now()))
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


def _result(purged: Purged, swept: sweeps.Resumed) -> dict[str, Any]:
    result: dict[str, Any] = {
        "purged": purged.removed,
        "resumed": swept.resumed,
        "remaining": swept.remaining
        or purged.stopped is not None
        or purged.content_left > purged.content_stays,
    }
    if purged.content_left:
        result["content_left"] = purged.content_left
    if purged.held:
        result["held"] = purged.held
    if isinstance(purged.stopped, PurgePaused):
        result["paused"] = True
    if purged.enough:
        result["stopped"] = _reason(purged)
    return result


def _reason(purged: Purged) -> str | None:
    return None if purged.stopped is None else purged.stopped.reason


def _now(event: Any) -> datetime:
    if not isinstance(event, dict):
        raise InvalidRequest("The event must be a JSON object")
    force, dry_run = (event.get(name, False) for name in ("force", "dry_run"))
    if not isinstance(force, bool):
        raise InvalidRequest("force must be true or false")
    if not isinstance(dry_run, bool):
        raise InvalidRequest("dry_run must be true or false")
    if "time" not in event:
        return timestamps.now()
    try:
        now = timestamps.parse(event["time"])
    except (TypeError, ValueError):
        raise InvalidRequest("time must be an RFC 3339 time with an offset") from None
    if now > timestamps.now() + _AHEAD and not (force or dry_run):
        raise InvalidRequest(
            'time is more than 5 minutes ahead of the clock; with "force": true it is taken all the same'
        )
    return now


def _oldest_due_age(purged: Purged, lease: Lease, began: datetime) -> float | None:
    """Seconds by which the oldest is late by the clock, whatever the event's time; None if nobody knows.

    If nothing could be read, the oldest may have been due since an earlier run found nothing older.
    """
    if purged.oldest is None and purged.stopped is None:
        return 0
    since = purged.oldest or lease.clear_until
    if since is None:
        return None
    return max(0, (began - timestamps.parse(since)).total_seconds())


def _remember(purged: Purged, lease: Lease, now: datetime, began: datetime) -> None:
    """Note for later runs until when all that was due is gone."""
    if purged.stopped is None and not purged.content_left:
        lease.clear_until = max(lease.clear_until or "", timestamps.millis(min(now, began)))
    elif purged.oldest is not None:
        lease.clear_until = min(purged.oldest, timestamps.millis(began))


def _publish(
    result: dict[str, Any], now: datetime, purged: Purged, late: float | None, paused_for: float
) -> None:
    stopped = _reason(purged)
    extra = {"now": timestamps.millis(now), **result, "dated_anew": purged.dated_anew}
    extra |= {} if stopped is None else {"stopped": stopped}
    logger.info("Purged", extra=extra)
    count(
        "purge",
        Purged=result["purged"],
        DatedAnew=purged.dated_anew,
        Resumed=result["resumed"],
        Remaining=int(result["remaining"]),
        Held=purged.held,
        ContentLeft=purged.content_left,
    )
    seconds("purge", PausedFor=paused_for)
    if late is not None:
        seconds("purge", OldestDueAge=late)
    purged.say_if_enough()
