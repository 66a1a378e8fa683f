"""Queue, stream and schedule: what comes in by them comes out only where it is meant to; see marks.py."""

import json
from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any

import pytest

import publish_deletions
import purge
import store_records
import work
from tests.marked.marks import MARKS
from tests.marked.quoting import each_error, failing
from tests.marked.service import CONTENT, Service, successes
from tests.stream import changed, read_stream
from tests.world import ACCOUNT, INBOUND, SUB_KEY, Context, message_id

pytestmark = pytest.mark.moto("it needs a stream, a queue, a bucket and parameters as well")


@pytest.mark.slow
def test_what_comes_in_by_queue_stream_and_schedule_tells_no_more_than_it_may(service: Service) -> None:
    lines_of_the_queue(service)
    successes(service)
    service.publish()
    for event in ({}, {"dry_run": True}, LATER, {"time": MARKS["task"]}, {"dry_run": MARKS["task"]}):
        service.invoke(purge.handler, event)
    service.publish()
    for body in (*service.work.take(), *TASKS):
        service.invoke(work.handler, {"Records": [{"body": body}]})
    service.invoke(publish_deletions.handler, {"Records": SPOILT})
    service.look_around()

    assert service.bus.events
    assert service.bucket.left() == []
    assert service.leaks() == set()


LATER = {"time": "2999-01-01T00:00:00Z", "force": True}
TASKS = (
    MARKS["task"],
    json.dumps({"work": MARKS["task"]}),
    json.dumps({"work": "bin", "round": MARKS["task"], "part": 0, "of": 1, "until": MARKS["task"]}),
    json.dumps({MARKS["task"]: 1}),
)
_SPOILT = MARKS["record of the stream"]
SPOILT = [
    changed(_SPOILT, {}, {"deleted_at": _SPOILT}),
    changed(f"INBOUND#acc_1#{_SPOILT}", {}, {"deleted_at": _SPOILT, "payload": _SPOILT}),
    changed("INBOUND#acc_1", {}, {_SPOILT: _SPOILT}, sk=_SPOILT),
    {"eventID": "1", "dynamodb": {"NewImage": {"payload": {"S": _SPOILT}}}},
]
LINE = {
    "kind": "inbound_message",
    "account_id": ACCOUNT,
    "id": message_id(9),
    "inbound_endpoint_id": INBOUND,
    "status": "succeeded",
    "received_at": "2026-04-05T14:23:11Z",
}


def lines_of_the_queue(service: Service) -> None:
    """Have good and bad lines come in, those that are bad marked in all ways."""
    bad, name = MARKS["bad line"], MARKS["name in a bad line"]
    bodies = [
        json.dumps(LINE | {"payload": CONTENT}),
        "\n".join(json.dumps(LINE | {field: bad}) for field in LINE),
        *(json.dumps(LINE | fields) for fields in ({name: bad}, {"payload": CONTENT, "content_url": bad})),
        bad,
        f'{{"kind": "{bad}',
        json.dumps(bad),
        json.dumps([bad]),
        json.dumps({"kind": "api_key", "key": bad, "account_id": ACCOUNT}),
        json.dumps({"kind": "inbound_endpoint", "account_id": ACCOUNT, "id": INBOUND, "signing_secret": bad}),
        json.dumps({"kind": "keyset", "sub_key": SUB_KEY, "secret_key": bad}),
    ]
    for body in bodies:
        service.invoke(store_records.handler, queued(body))


def queued(body: str) -> Any:
    return {"Records": [{"messageId": "1", "body": body, "eventSource": "aws:sqs"}]}


@pytest.mark.slow
@each_error
def test_what_a_function_raises_for_lambda_to_log_repeats_no_other_error(
    service: Service, error: Exception
) -> None:
    successes(service)
    purge.handler({"time": "2999-01-01T00:00:00Z", "force": True, "dry_run": True}, Context())
    records = read_stream("expunge")
    service.bus.put_events = fails(error)  # type: ignore[method-assign] # every call does from now on
    tasks = [
        *service.work.take(),
        json.dumps({"work": "bin", "round": "1", "part": 0, "of": 1, "until": LATER["time"]}),
    ]
    for first in range(6):
        for handler, event in (
            (store_records.handler, queued(json.dumps(LINE | {"payload": CONTENT}))),
            (purge.handler, LATER),
            *((work.handler, {"Records": [{"body": body}]}) for body in tasks),
            (publish_deletions.handler, {"Records": records}),
        ):
            failing(first, error, partial(service.invoke, handler, event))

    assert service.leaks() == set()


def fails(error: Exception) -> Callable[..., Any]:
    def put_events(**_: Any) -> Any:
        raise copy(error)

    return put_events
