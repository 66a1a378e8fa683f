"""Stores the records of messages that come in by the queue, a batch of the queue's messages at a time."""

from typing import TYPE_CHECKING, Any

import expunge.cold_start  # noqa: F401 - before all others
from expunge.deadline import Context, Deadline
from expunge.errors import StoreError
from expunge.intake import Body, take_in
from expunge.table.store import store
from expunge.telemetry import count, logger
from expunge.tracebacks import unquoted

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord


class NotStored(Exception):
    """A message of the queue is to come again and, if that goes on, to end in the dead-letter queue."""


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Store the records in the bodies of these messages of the queue.

    Under `batchItemFailures` the answer names the messages that the queue is to send again: those with a bad
    line, whose good lines are stored all the same, and those that could not be stored in full. `rejected`
    says which lines are bad and why, `stored` how many records were written. Records that change nothing are
    not counted.
    """
    with logger.append_context_keys(request_id=context.aws_request_id):
        try:
            return _store(event, Deadline(context.get_remaining_time_in_millis))
        except Exception as error:
            logger.exception("Records were not stored")
            raise unquoted(error) from None


def _store(event: Any, deadline: Deadline) -> dict[str, Any]:
    texts = {each["messageId"]: each["body"] for each in event["Records"]}
    bodies, error = take_in(store(), texts, deadline)
    _publish(bodies, error)
    return {
        **_failures(event, {body.id: body for body in bodies}),
        "stored": sum(body.stored for body in bodies),
        "rejected": [
            {"itemIdentifier": body.id, "line": each.line, "reason": each.reason}
            for body in bodies
            for each in body.rejections
        ],
    }


def _failures(event: Any, bodies: dict[str, Body]) -> dict[str, Any]:
    if not any(body.failed for body in bodies.values()):
        return {"batchItemFailures": []}
    # Imported with the first failure, which is rare: it takes a sixth of a cold start.
    from aws_lambda_powertools.utilities.batch import (  # noqa: PLC0415
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    def check(record: "SQSRecord") -> None:
        if bodies[record.message_id].failed:
            raise NotStored

    # It does not raise if the whole batch has failed: the answer says what was rejected, and why.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return dict(process_partial_response(event=event, record_handler=check, processor=processor))


def _publish(bodies: list[Body], error: StoreError | None) -> None:
    for body in bodies:
        if body.rejected:
            some = [each._asdict() for each in body.rejections[:_LOGGED]]
            logger.error(
                "A body has lines that are no records of messages",
                extra={"message_id": body.id, "rejected": body.rejected, "lines": some},
            )
    if error is not None:
        logger.error("Not everything was stored", extra={"reason": error.reason})
    count(
        "records",
        RecordsStored=sum(body.stored for body in bodies),
        RecordsLeftAlone=sum(body.left_alone for body in bodies),
        RecordsRejected=sum(body.rejected for body in bodies),
        BodiesNotStored=sum(not body.settled for body in bodies),
    )


_LOGGED = 10
"""Bad lines of a body that the log names."""
