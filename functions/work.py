"""Carries out a task that a scheduled run has left: a part of the bin, or of a background deletion."""

from typing import Any

import expunge.cold_start  # noqa: F401 - before all others
from expunge.background.tasks import MalformedTask, Task
from expunge.background.worker import carry_out
from expunge.deadline import Context
from expunge.table.store import store
from expunge.telemetry import logger
from expunge.tracebacks import unquoted


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Work for a while on the one task that the event brings, and send the task again if something is left.

    Returns how many messages were purged or deleted, and what became of the task: `done`, `again`, or
    `dropped` because a later run has sent a new task in its place.

    Raises for a malformed task, which removes nothing, and if the store fails. Then the queue brings the task
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
