"""What identical requests cost each other when they come at once, against the same requests in turn.

The requests go through `expunge serve`, which runs each in a process of its own, as Lambda does. Every round
measures both ways on an account of its own.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.harness import Row, table_of
from cli.dynamodb import client
from tests.engines.tenant import Tenant

REQUESTS = 8
LIMIT = 100
ROUNDS = 5
EXPUNGE = Path(sys.executable).with_name("expunge")


@contextmanager
def serving(dynamodb_url: str) -> Iterator[str]:
    """`expunge serve` over that engine; yields the API's address."""
    command = [str(EXPUNGE), "serve", "--port", "0", "--no-demo", "--dynamodb-url", dynamodb_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603 - our own command
        try:
            yield process.stdout.readline().split()[3]  # type: ignore[union-attr] # a pipe, as was asked for
        finally:
            process.terminate()


def delete(tenant: Tenant, api: str, **query: str) -> list[str]:
    """Delete up to LIMIT messages; the ids that were reported."""
    with tenant.client(api) as hookbridge:
        result = hookbridge.delete_inbound_messages_all(limit=LIMIT, **query)
    if result.error is not None:
        raise RuntimeError(result.error.message)
    return list(result.deleted_message_ids)


def in_turn_and_at_once(dynamodb_url: str, api: str, messages: int) -> tuple[float, float]:
    """Seconds of the requests in turn and then at once, when there are so many messages for the latter."""
    tenant = Tenant(client(dynamodb_url))
    tenant.load(tenant.message(number) for number in range(REQUESTS * LIMIT + messages))
    with ThreadPoolExecutor(REQUESTS) as pool:
        list(pool.map(lambda _: delete(tenant, api, status="queued"), range(3 * REQUESTS)))  # warm
        began = time.perf_counter()
        for _ in range(REQUESTS):
            delete(tenant, api)
        in_turn = time.perf_counter() - began
        began = time.perf_counter()
        reported = list(pool.map(lambda _: delete(tenant, api), range(REQUESTS)))
        at_once = time.perf_counter() - began
    if any(len(ids) != LIMIT for ids in reported) or len(set().union(*reported)) != REQUESTS * LIMIT:
        raise RuntimeError("not every request deleted as many as it could, each message once")
    return in_turn, at_once


def main(url: str) -> Iterator[Row]:
    """Compare with as many messages as the requests can delete, and with twice as many."""
    with serving(url) as api:
        for messages in (REQUESTS * LIMIT, 2 * REQUESTS * LIMIT):
            times = [in_turn_and_at_once(url, api, messages) for _ in range(ROUNDS)]
            ratio = median(at_once / in_turn for in_turn, at_once in times)
            in_turn, at_once = (median(each) for each in zip(*times, strict=True))
            yield Row(
                f"{REQUESTS} requests with limit {LIMIT} at once on {messages:,} messages; in turn",
                f"{at_once:.2f} s; {in_turn:.2f} s: {ratio:.2f} times as long",
                "at most 2",
                ratio <= 2,
            )


if __name__ == "__main__":
    table_of(main)()
