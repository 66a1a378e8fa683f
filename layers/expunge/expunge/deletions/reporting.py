"""What a run of the purge tells: its answer, log line and metrics, and a note for later runs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from expunge import timestamps
from expunge.deletions.lease import Lease
from expunge.deletions.purged import Purged
from expunge.errors import PurgePaused
from expunge.telemetry import count, logger, seconds


def answer(purged: Purged, resumed: int, *, sweeps_remain: bool) -> dict[str, Any]:
    """What the run returns, `resumed` being the background deletions that it went on with."""
    told: dict[str, Any] = {
        "purged": purged.removed,
        "resumed": resumed,
        "remaining": sweeps_remain
        or purged.stopped is not None
        or purged.content_left > purged.content_stays,
    }
    if purged.content_left:
        told["content_left"] = purged.content_left
    if purged.in_doubt:
        told["in_doubt"] = purged.in_doubt
    if purged.held:
        told["held"] = purged.held
    if isinstance(purged.stopped, PurgePaused):
        told["paused"] = True
    if purged.enough:
        told["stopped"] = purged.reason
    return told


def oldest_due_age(purged: Purged, lease: Lease, began: datetime) -> float | None:
    """Seconds by which the oldest is late by the clock, whatever the event's time; None if nobody knows.

    If nothing could be read, it is counted from the time up to which an earlier run saw everything gone.
    """
    if purged.oldest is None and purged.stopped is None:
        return 0
    since = purged.oldest or lease.clear_until
    if since is None:
        return None
    return max(0, (began - timestamps.parse(since)).total_seconds())


def remember(purged: Purged, lease: Lease, now: datetime, began: datetime) -> None:
    """Note for later runs until when all that was due is gone."""
    if purged.stopped is None and not purged.content_left:
        lease.clear_until = max(lease.clear_until or "", timestamps.millis(min(now, began)))
    elif purged.oldest is not None:
        lease.clear_until = min(purged.oldest, timestamps.millis(began))


def publish(
    told: Mapping[str, Any], now: datetime, purged: Purged, late: float | None, paused_for: float
) -> None:
    """Log and count what a run answered, how many seconds it is late, and how many the purge is paused."""
    extra = {"now": timestamps.millis(now), **told, "dated_anew": purged.dated_anew}
    extra |= {} if purged.reason is None else {"stopped": purged.reason}
    logger.info("Purged", extra=extra)
    count(
        "purge",
        Purged=purged.removed,
        DatedAnew=purged.dated_anew,
        Resumed=told["resumed"],
        Remaining=int(told["remaining"]),
        Held=purged.held,
        ContentLeft=purged.content_left,
    )
    seconds("purge", PausedFor=paused_for)
    if late is not None:
        seconds("purge", OldestDueAge=late)
    purged.say_if_enough()
