"""On a schedule, or by hand: go on with background deletions, then remove for good what is due."""

from datetime import datetime, timedelta
from typing import Any, Final

import expunge.cold_start  # noqa: F401 - before all others
from expunge import timestamps
from expunge.deadline import Context, Deadline
from expunge.deletions.lease import Lease, leased
from expunge.deletions.purging import Purged, remove_due
from expunge.errors import InvalidRequest, PurgeFailed, PurgeUnderWay, Unavailable
from expunge.history import sweeps
from expunge.settings import settings
from expunge.table.store import store
from expunge.telemetry import count, logger, seconds

LEFT_TO_ANOTHER_RUN: Final = {"purged": 0, "resumed": 0, "remaining": True}
"""The answer of a run that found another one at work, and did nothing."""

_AHEAD = timedelta(minutes=5)


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Return how many messages were purged and background deletions resumed, and whether some remain.

    The event's `time` is the now of the run; by hand it may be left out. One that is more than 5 minutes
    ahead of the clock is refused unless the event says `"force": true`.

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
    half = time_left() // 2
    began = timestamps.now()
    with leased(store(), Deadline(time_left)) as lease:
        # Half the time at most, lest a long background deletion keep what is due from being removed.
        swept = sweeps.resume(store(), Deadline(lambda: time_left() - half))
        purged = remove_due(
            store(), now, settings().retention_days, Deadline(time_left), settings().tombstone_days
        )
        late = _oldest_due_age(purged, lease, began)
        _remember(purged, lease, now, began)
    result = {
        "purged": purged.removed,
        "resumed": swept.resumed,
        "remaining": swept.remaining or purged.stopped is not None,
    }
    _publish(result, now, purged, late)
    if isinstance(purged.stopped, Unavailable):
        raise PurgeFailed(purged.stopped, purged.removed, swept.resumed) from purged.stopped
    return result


def _now(event: Any) -> datetime:
    if not isinstance(event, dict):
        raise InvalidRequest("The event must be a JSON object")
    force = event.get("force", False)
    if not isinstance(force, bool):
        raise InvalidRequest("force must be true or false")
    if "time" not in event:
        return timestamps.now()
    try:
        now = timestamps.parse(event["time"])
    except (TypeError, ValueError):
        raise InvalidRequest("time must be an RFC 3339 time with an offset") from None
    if now > timestamps.now() + _AHEAD and not force:
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
    if purged.stopped is None:
        lease.clear_until = max(lease.clear_until or "", timestamps.millis(min(now, began)))
    elif purged.oldest is not None:
        lease.clear_until = min(purged.oldest, timestamps.millis(began))


def _publish(result: dict[str, Any], now: datetime, purged: Purged, late: float | None) -> None:
    stopped = {} if purged.stopped is None else {"stopped": purged.stopped.reason}
    extra = {"now": timestamps.millis(now), **result, "dated_anew": purged.dated_anew, **stopped}
    logger.info("Purged", extra=extra)
    count(
        "purge",
        Purged=result["purged"],
        DatedAnew=purged.dated_anew,
        Resumed=result["resumed"],
        Remaining=int(result["remaining"]),
    )
    if late is not None:
        seconds("purge", OldestDueAge=late)
