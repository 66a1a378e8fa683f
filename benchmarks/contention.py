"""What identical requests cost each other when they come at once, against the same requests in turn.

The requests go through `expunge serve`, which runs each in a process of its own, as Lambda does. Every round
measures both ways on an account of its own.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median

import click

from cli import server
from cli.dynamodb import client
from cli.embedded import Embedded
from tests.engines.tenant import Tenant

REQUESTS = 8
LIMIT = 100
ROUNDS = 7
EXPUNGE = Path(sys.executable).with_name("expunge")


@contextmanager
def serving(dynamodb_url: str) -> Iterator[str]:
    """`expunge serve` over that engine; yields the API's address."""
    command = [str(EXPUNGE), "serve", "--port", "0", "--no-demo", "--dynamodb-url", dynamodb_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        try:
            yield process.stdout.readline().split()[3]  # type: ignore[union-attr] # it is a pipe
        finally:
            process.terminate()


def delete(tenant: Tenant, api: str, **query: str) -> list[str]:
    """Delete up to LIMIT messages; the ids that were reported."""
    with tenant.client(api) as hookbridge:
        result = hookbridge.delete_inbound_messages_all(limit=LIMIT, **query)
    if result.error is not None:
        raise RuntimeError(result.error.message)
    return list(result.deleted_message_ids)


def measure(dynamodb_url: str, api: str, enough: int) -> tuple[float, float, list[int]]:
    """Seconds of the requests in turn and at once, and how many messages each of the latter deleted."""
    tenant = Tenant(client(dynamodb_url))
    tenant.load(tenant.message(number) for number in range(REQUESTS * LIMIT + enough))
    with ThreadPoolExecutor(REQUESTS) as pool:
        list(pool.map(lambda _: delete(tenant, api, status="queued"), range(3 * REQUESTS)))  # warm
        began = time.perf_counter()
        for _ in range(REQUESTS):
            delete(tenant, api)
        in_turn = time.perf_counter() - began
        began = time.perf_counter()
        reported = list(pool.map(lambda _: delete(tenant, api), range(REQUESTS)))
        at_once = time.perf_counter() - began
    ids = [each for some in reported for each in some]
    if len(set(ids)) < len(ids):
        raise RuntimeError("an id was reported twice")
    return in_turn, at_once, [len(some) for some in reported]


@click.command()
@click.option("--dynamodb-url", metavar="URL", help="An engine instead of the embedded one.")
def command(dynamodb_url: str | None) -> None:
    """Print the seconds in turn and at once, and their ratio."""
    with ExitStack() as stack:
        if dynamodb_url is None:
            dynamodb_url = stack.enter_context(closing(Embedded(server.listen(0, "--dynamodb-port")))).url
        api = stack.enter_context(serving(dynamodb_url))
        for enough in (1600, 800):
            ratios = []
            for _ in range(ROUNDS):
                in_turn, at_once, each = measure(dynamodb_url, api, enough)
                ratios.append(at_once / in_turn)
                print(f"{enough}: {in_turn:.2f} {at_once:.2f} {at_once / in_turn:.2f} {each}", flush=True)
            print("median", median(ratios), flush=True)


if __name__ == "__main__":
    command()
