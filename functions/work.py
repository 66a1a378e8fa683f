"""A part of what a scheduled run could not finish: a part of the bin, or a background deletion."""

from typing import Any

import expunge.cold_start  # noqa: F401 - before all others
from expunge.background.tasks import MalformedTask, Task
from expunge.background.worker import carry_out
from expunge.deadline import Context
from expunge.table.store import store
from expunge.telemetry import logger
from expunge.tracebacks import unquoted


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Do a slice of the one task that the event brings, and send the task again if something is left.

    Return how many messages were purged or deleted, and what became of the task: `done`, `again`, or
    `dropped` because a later round has taken its place.

    A malformed task removes nothing and raises, and so does a store that fails: the queue brings the message
    again, and in the end puts it aside.
    """
    with logger.append_context_keys(request_id=context.aws_request_id):
        try:
            task = Task.of_body(event["Records"][0]["body"])
            return carry_out(store(), task, context.get_remaining_time_in_millis)
        except MalformedTask as error:
            logger.error("A task is malformed", extra={"reason": str(error)})
            raise
        except Exception as error:
            logger.exception("A task failed")
            raise unquoted(error) from None
