"""What a warm deletion of one message takes, beside the bare calls of the SDK that it makes.

Through the handlers, in process, with the API key remembered. The calls that a handler made are made again
without it, in turns with further deletions: by a client as boto3 makes it, and by one that does not check
parameters, as that of the functions. What a client sends is answered at once, so that the processor's time is
that of the code alone: the SDK writes, signs and reads as in AWS.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import boto3
from botocore import xform_name
from botocore.config import Config

from benchmarks.answering import reply
from tests.as_deployed import environment

os.environ |= environment()

import delete_inbound_message
import delete_pull_event
from expunge import timestamps
from expunge.table.store import store
from tests.world import KEY, PULL, Context, Handler, message_id

ROUNDS = 300
MOST = 1.5
"""Times the CPU of the bare calls."""

DELETIONS: Mapping[str, tuple[Handler, Mapping[str, str]]] = {
    "an inbound message": (delete_inbound_message.handler, {"message_id": message_id(1)}),
    "a pull event": (delete_pull_event.handler, {"id": PULL, "event_id": message_id(1)}),
}

REPLIES: Mapping[str, dict[str, Any]] = {
    "GetItem": {
        "Item": {
            "account_id": {"S": "acc_1"},
            "key_id": {"S": "key_1"},
            "last_used_on": {"S": timestamps.millis(timestamps.now())[:10]},
        }
    },
    "TransactWriteItems": {},
}

numbers = count()

Call = tuple[str, dict[str, Any]]
"""An operation and its arguments."""


class Row(NamedTuple):
    """What is deleted, by how many calls, and the median CPU seconds."""

    what: str
    calls: int
    handler: float
    bare: float
    """Of its calls, by a client of boto3's."""
    unchecked: float
    """Of its calls, by one that does not check parameters."""


def main() -> Iterator[Row]:
    """Measure each deletion."""
    plain = boto3.client("dynamodb")
    unchecked = boto3.client("dynamodb", config=Config(parameter_validation=False))
    for client in (store().client, plain, unchecked):
        events: Any = client.meta.events
        for operation, body in REPLIES.items():
            events.register(
                f"before-send.dynamodb.{operation}", lambda request, body=body, **_: reply(request, body)
            )
    for what, (handler, path) in DELETIONS.items():
        delete(handler, path)  # the first one reads the API key
        with noted() as calls:
            delete(handler, path)

        def act(handler: Handler = handler, path: Mapping[str, str] = path) -> None:
            delete(handler, path)

        def repeat(client: Any, calls: Sequence[Call] = calls) -> None:
            for operation, arguments in calls:
                getattr(client, xform_name(operation))(**arguments)

        rounds = [
            (timed(act), timed(partial(repeat, plain)), timed(partial(repeat, unchecked)))
            for _ in range(ROUNDS)
        ]
        yield Row(what, len(calls), *(median(seconds) for seconds in zip(*rounds, strict=True)))


def delete(handler: Handler, path: Mapping[str, str]) -> None:
    """Delete by one request, as if the message were there."""
    event = {
        "version": "2.0",
        "routeKey": "",
        "rawQueryString": "",
        "headers": {"authorization": f"Bearer {KEY}"},
        "requestContext": {"requestId": f"request-{next(numbers)}"},
        "pathParameters": path,
        "isBase64Encoded": False,
    }
    response = handler(event, Context())
    if response["statusCode"] != 200:
        raise SystemExit(f"not deleted: {response['body']}")


@contextmanager
def noted() -> Iterator[list[Call]]:
    """Note each call of the SDK: its operation and its arguments."""
    calls: list[Call] = []
    events: Any = store().client.meta.events

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        calls.append((model.name, params))

    events.register("provide-client-params.dynamodb", note)
    yield calls
    events.unregister("provide-client-params.dynamodb", note)


def timed(act: Callable[[], object]) -> float:
    """Give the CPU seconds that it takes."""
    began = time.process_time()
    act()
    return time.process_time() - began


if __name__ == "__main__":
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        # The functions write their metrics there, as deployed.
        rows = list(main())
    print("| deleted | calls | CPU | bare calls | ratio | must be | without checks | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |")
    for row in rows:
        took = [f"{1000 * seconds:.2f} ms" for seconds in row[2:]]
        bare, unchecked = (f"{row.handler / seconds:.2f}" for seconds in (row.bare, row.unchecked))
        print(
            f"| {row.what} | {row.calls} | {took[0]} | {took[1]} | {bare} | at most {MOST}"
            f" | {took[2]} | {unchecked} |"
        )
    sys.exit(any(row.handler > MOST * row.bare for row in rows))
