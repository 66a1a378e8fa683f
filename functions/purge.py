"""On a schedule, or by hand: go on with background deletions, then remove for good what is due."""

from datetime import timedelta
from typing import Any, Final

import expunge.cold_start  # noqa: F401 - before all others
from expunge.background import scheduled
from expunge.deadline import Context, Deadline
from expunge.deletions.asked import Asked
from expunge.deletions.due import Rule
from expunge.deletions.preview import preview
from expunge.errors import PurgeUnderWay
from expunge.settings import settings
from expunge.table.store import store
from expunge.telemetry import count, logger
from expunge.tracebacks import unquoted

LEFT_TO_ANOTHER_RUN: Final = {"purged": 0, "resumed": 0, "remaining": True}
"""The answer of a run that found another one at work, and did nothing."""


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Return how many messages were purged and background deletions resumed, and whether some remain.

    What is due at the event's `time` is purged, or without a `time` what is due now. A time more than 5
    minutes ahead of the clock is refused unless the event says `"force": true`.

    The answer has these as well, where they apply: `held`, how many messages were kept by holds; `paused`,
    true if somebody has paused the purge; `stopped`, if the run had removed as many messages as one may;
    `content_left`, how many messages stay because their content in S3 could not be removed. What another run
    right now could not remove either does not make `remaining` true.

    With `"dry_run": true` nothing is changed, and it returns what is due at that time, as preview() does.

    Running out of time is success with `remaining: true`. A malformed event or a failed store raises, so that
    alarms and the dead-letter queue hear of it. A malformed event removes nothing. After a failed store the
    error, the log and the metrics say how far the run got.
    """
    with logger.append_context_keys(request_id=context.aws_request_id):
        try:
            return run(event, context)
        except PurgeUnderWay as other:
            logger.info("Another run is at work", extra={"until": other.until})
            count("purge", LeftToAnotherRun=1)
            return LEFT_TO_ANOTHER_RUN
        except Exception as error:
            logger.exception("Purge failed")
            raise unquoted(error) from None


def run(event: Any, context: Context) -> dict[str, Any]:
    """Do what the handler does, but raise PurgeUnderWay if another run is at work."""
    now, dry_run = Asked.by(event)
    time_left = context.get_remaining_time_in_millis
    if dry_run:
        rule = Rule(now, timedelta(days=settings().retention_days))
        return preview(store(), rule, Deadline(time_left))
    return scheduled.run(store(), now, time_left)
