"""The queue by which tasks come to workers."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any, Final

from expunge.background.tasks import Task
from expunge.deadline import Deadline
from expunge.errors import Unavailable
from expunge.settings import work_queue
from expunge.table.retries import repeat
from expunge.table.session import session
from expunge.table.store import CLIENT_CONFIG

_SENT_AT_ONCE: Final = 10
"""Messages that SQS takes in a call."""


def send(tasks: Sequence[Task], deadline: Deadline, delay: float = 0) -> None:
    """Put tasks into the queue, to be done after so many seconds. Raises StoreError."""
    for at in range(0, len(tasks), _SENT_AT_ONCE):
        some = tasks[at : at + _SENT_AT_ONCE]
        entries = [
            {"Id": str(number), "MessageBody": task.body(), "DelaySeconds": min(900, int(delay))}
            for number, task in enumerate(some)
        ]
        call = partial(_client().send_message_batch, QueueUrl=work_queue(), Entries=entries)
        if repeat(call, deadline).get("Failed"):
            raise Unavailable("Not all tasks could be sent")


@cache
def _client() -> Any:
    """The process's one client, made when it is first needed."""
    return session().create_client("sqs", config=CLIENT_CONFIG)


def forget() -> None:
    """Have the client made anew."""
    _client.cache_clear()
