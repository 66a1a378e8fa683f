"""On a schedule, or by hand: go on with background deletions, then remove for good what is due."""

from datetime import datetime
from typing import Any

from expunge import timestamps
from expunge.deadline import Context, Deadline
from expunge.deletions.purging import Purged, remove_due
from expunge.errors import InvalidRequest, PurgeFailed, Unavailable
from expunge.history import sweeps
from expunge.table.store import store
from expunge.telemetry import count, logger, seconds


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Return how many messages were purged and background deletions resumed, and whether some remain.

    The event's `time` is the now of the run; by hand it may be left out. A run that is out of time, throttled
    or not, is a good one, and `remaining` says that the next one continues. The invocation fails, as alarms
    and the dead-letter queue need it, for a malformed event, having removed nothing, and for a store that
    failed: the error then says how far the run got, and so do log and metrics.
    """
    with logger.append_context_keys(request_id=context.aws_request_id):
        try:
            return _purge(_now(event), context)
        except Exception:
            logger.exception("Purge failed")
            raise


def _now(event: Any) -> datetime:
    if not isinstance(event, dict):
        raise InvalidRequest("The event must be a JSON object")
    if "time" not in event:
        return timestamps.now()
    try:
        return timestamps.parse(event["time"])
    except (TypeError, ValueError):
        raise InvalidRequest("time must be an RFC 3339 time with an offset") from None


def _purge(now: datetime, context: Context) -> dict[str, Any]:
    time_left = context.get_remaining_time_in_millis
    half = time_left() // 2
    # Half the time at most, lest a long background deletion keep what is due from being removed.
    swept = sweeps.resume(store(), Deadline(lambda: time_left() - half))
    purged = remove_due(store(), timestamps.millis(now), Deadline(time_left))
    result = {
        "purged": purged.removed,
        "resumed": swept.resumed,
        "remaining": swept.remaining or purged.stopped is not None,
    }
    _publish(result, now, purged)
    if isinstance(purged.stopped, Unavailable):
        raise PurgeFailed(purged.stopped, purged.removed, swept.resumed) from purged.stopped
    return result


def _publish(result: dict[str, Any], now: datetime, purged: Purged) -> None:
    stopped = {} if purged.stopped is None else {"stopped": purged.stopped.reason}
    logger.info("Purged", extra={"now": timestamps.millis(now), **result, **stopped})
    count("purge", Purged=result["purged"], Resumed=result["resumed"], Remaining=int(result["remaining"]))
    if purged.oldest is not None:
        seconds("purge", OldestDueAge=(now - timestamps.parse(purged.oldest)).total_seconds())
    elif purged.stopped is None:
        seconds("purge", OldestDueAge=0)
