"""What refusing a channel-history request takes, however its channels are called.

Anyone who knows a subscribe key can send a request with a wrong signature, so its refusal must not take much
longer than the plainest one. Through the handler, in process, in turns. The client of DynamoDB is asked for
the keyset as in AWS, and what it sends is answered at once.
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from botocore.awsrequest import AWSResponse

from benchmarks.answering import reply
from tests.as_deployed import environment

os.environ |= environment(POWERTOOLS_METRICS_DISABLED="true", POWERTOOLS_LOG_LEVEL="CRITICAL")

from delete_channel_history import handler
from expunge.table.store import store
from tests.world import SUB_KEY, Context

ROUNDS = 200
MOST = 5.0
"""Times as long as the plainest refusal."""

MARKS = ",~*!'():@$&+=;"
REQUESTS: Mapping[str, tuple[str, str]] = {
    "no signature, one plain name": ("ch1", ""),
    "one plain name": ("ch1", "signature"),
    "50 plain names of 92 characters": (",".join(["a" * 92] * 50), "signature"),
    "one name of all marks": (MARKS.replace(",", ""), "signature"),
    "50 names of 92 marks": (",".join([(MARKS.replace(",", "") * 8)[:92]] * 50), "signature"),
    "50 names of 92 marks, a query of plus signs": (
        ",".join([(MARKS.replace(",", "") * 8)[:92]] * 50),
        f"pnsdk={'+' * 3000}&signature",
    ),
    "50 names of 16 emoji": (",".join(["\N{PARTY POPPER}" * 16] * 50), "signature"),
}


def main() -> Sequence[tuple[str, float]]:
    """Refuse each in turns and return the median of its CPU seconds."""
    events: Any = store().client.meta.events
    events.register("before-send.dynamodb.GetItem", answer)
    took: dict[str, list[float]] = {what: [] for what in REQUESTS}
    for _ in range(ROUNDS):
        for what, (channels, query) in REQUESTS.items():
            took[what].append(refuse(channels, query))
    return [(what, median(seconds)) for what, seconds in took.items()]


def answer(request: Any, **_: Any) -> AWSResponse:
    """Answer as DynamoDB would, without a network."""
    names = {"pub_key": {"S": "pub-c-1"}, "secret_key": {"S": "sec-c-1"}}
    switches = {"access_manager": {"BOOL": True}, "delete_from_history": {"BOOL": True}}
    return reply(request, {"Item": names | switches})


def refuse(channels: str, query: str) -> float:
    """Send one request and return the CPU seconds of its refusal."""
    query = query.replace("signature", f"timestamp={int(time.time())}&signature=v2.{'A' * 43}")
    event: dict[str, Any] = {
        "rawQueryString": query,
        "headers": {},
        "requestContext": {"requestId": "r"},
        "pathParameters": {"sub_key": SUB_KEY, "channels": channels},
    }
    began = time.process_time()
    response = handler(event, Context())
    seconds = time.process_time() - began
    if response["statusCode"] != 403:
        raise SystemExit(f"not a refusal: {response['body']}")
    return seconds


if __name__ == "__main__":
    rows = main()
    plainest = rows[0][1]
    print("| refused | CPU | times the plainest | holds |\n| --- | ---: | ---: | --- |")
    for what, seconds in rows:
        holds = "yes" if seconds <= MOST * plainest else "NO"
        print(f"| {what} | {1000 * seconds:.2f} ms | {seconds / plainest:.1f} | {holds} |")
    sys.exit(max(seconds for _, seconds in rows) > MOST * plainest)
