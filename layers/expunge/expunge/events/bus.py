"""Putting events on an EventBridge bus, those of one message one after the other."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any, Final

from botocore.exceptions import ClientError

from expunge.deadline import Deadline
from expunge.errors import StoreError
from expunge.events.grouping import Event
from expunge.settings import event_bus
from expunge.table.retries import Retry
from expunge.table.session import session
from expunge.table.store import CLIENT_CONFIG
from expunge.telemetry import logger

SOURCE: Final = "expunge"

ENTRIES: Final = 10
"""Most events in a call."""

BYTES: Final = 256_000
"""Most bytes in a call: of each event its source, its detail type and its detail."""


def publish(events: Sequence[Event], deadline: Deadline) -> Sequence[Event]:
    """Put events on the bus, in order; returns those that are not known to be there, in order.

    A call takes events that have no message in common, and the next call begins when all of them are there.
    So no event of a message is on the bus before an earlier one of it is.
    """
    left = list(events)
    while left:
        call = _first_call(left)
        after = left[len(call) :]
        try:
            _put(call, deadline)
        except StoreError as error:
            left = [*call, *after]
            logger.warning("Events were not published", extra={"reason": error.reason, "events": len(left)})
            return left
        left = after
    return []


def _first_call(events: Sequence[Event]) -> list[Event]:
    """As many of the first events as one call takes."""
    call: list[Event] = []
    messages: set[str] = set()
    size = 0
    for event in events[:ENTRIES]:
        size += len(SOURCE) + len(event.detail_type) + event.size
        if call and (size > BYTES or not messages.isdisjoint(event.messages)):
            break
        call.append(event)
        messages |= event.messages
    return call


def _put(call: list[Event], deadline: Deadline) -> None:
    """Have all of them taken; those that are taken leave the list. Raises StoreError."""
    retry = Retry(deadline)
    while call:
        reply = retry.repeat(partial(_client().put_events, Entries=[_entry(event) for event in call]))
        refused = [
            (event, each["ErrorCode"])
            for event, each in zip(call, reply["Entries"], strict=True)
            if each.get("ErrorCode")
        ]
        call[:] = [event for event, _ in refused]
        if refused:
            retry.failed(_failure([code for _, code in refused]))


def _entry(event: Event) -> dict[str, str]:
    return {
        "Source": SOURCE,
        "DetailType": event.detail_type,
        "Detail": event.detail,
        "EventBusName": event_bus(),
    }


def _failure(codes: Sequence[str]) -> ClientError:
    """The most lasting of several reasons, as if it had been that of the whole call."""
    lasting = [code for code in codes if not code.startswith(("Internal", "Throttling"))]
    code = (lasting or codes)[0]
    response: Any = {
        "Error": {"Code": code},
        "ResponseMetadata": {"HTTPStatusCode": 500 if code.startswith("Internal") else 400},
    }
    return ClientError(response, "PutEvents")


@cache
def _client() -> Any:
    """The process's one client, made when it is first needed."""
    return session().create_client("events", config=CLIENT_CONFIG)


def forget() -> None:
    """Have the client made anew."""
    _client.cache_clear()
