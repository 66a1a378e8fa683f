"""What a crowd of clients gets from `expunge serve`, and whether every answer was true.

A writer adds messages while the clients delete, restore and look. Afterwards the table is held against what
they were told: of each message, what was reported as deleted less what was reported as restored is one if it
is flagged and else nought. Prints a row an endpoint; exits with 1 if an answer was wrong, late or a 5xx, or a
process grew. How long answers take depends on the machine, on what else it does, and on the engine.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from benchmarks.crowd import CHANNEL, FAMILIES, FIRST_TIMETOKEN, Book, Client, Shop
from benchmarks.harness import dynamodb_option, engine_at
from cli.dynamodb import client, create_table
from expunge.table import keys
from tests.engines.channels import Channels
from tests.engines.tenant import TABLE, Tenant, chunks

EXPUNGE: Final = Path(sys.executable).with_name("expunge")
FIRST: Final = 2000
"""Messages of each family at the beginning."""
MORE: Final = 100
"""Messages of each family that the writer adds at a time."""
MOST_GROWTH: Final = 16.0
"""Megabytes that the largest process may have more at the end than the largest had at a third of the time."""


@contextmanager
def serving(dynamodb_url: str) -> Iterator[tuple[str, int]]:
    """`expunge serve` over that engine; yields the API's address and the process's id."""
    command = [str(EXPUNGE), "serve", "--port", "0", "--no-demo", "--purge-every", "10"]
    command += ["--dynamodb-url", dynamodb_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603 - our own command
        try:
            yield process.stdout.readline().split()[3], process.pid  # type: ignore[union-attr] # a pipe, as was asked for
        finally:
            process.terminate()


def run(dynamodb_url: str, clients: int, seconds: float) -> bool:
    """Let the crowd in, print what it met, and tell whether all was as it must be."""
    book = Book()
    dynamodb = client(dynamodb_url)
    # Without its stream, which nobody needs here and with which DynamoDB Local crawls.
    create_table(dynamodb, TABLE, stream=False)
    with serving(dynamodb_url) as (api, pid):
        shop = Shop(Tenant(dynamodb), Channels(dynamodb, access_manager=False))
        shop.open(FIRST)
        end = time.monotonic() + seconds
        work = [Client(api, shop, book).call_any for _ in range(clients)]
        threads = [threading.Thread(target=_until, args=(end, each, book)) for each in work]
        threads.append(threading.Thread(target=_until, args=(end, lambda: shop.grow(MORE), book)))
        for thread in threads:
            thread.start()
        time.sleep(seconds / 3)
        before = memory(pid)
        for thread in threads:
            thread.join()
        after = memory(pid)
        _wait_for_the_background(shop, book)
    _print_table(book)
    grown = max(after.values()) - max(before.values())
    print(
        f"\n{len(after)} processes, the largest {max(after.values()):.0f} MB,"
        f" {grown:.1f} MB more than the largest at a third of the time"
    )
    print(f"{book.stopped} answers say that they stopped early, with {book.in_doubt} messages in doubt")
    wrong = [*book.wrong, *_untrue(shop, book, dynamodb)]
    if grown > MOST_GROWTH:
        wrong.append(f"the largest process grew by {grown:.1f} MB")
    for each in wrong[:20]:
        print(f"WRONG: {each}")
    if not wrong:
        told = sum(1 for count in book.balance.values() if count)
        print(f"every answer was true: {told:,} messages are flagged, each reported by one client")
    return not wrong


def _until(end: float, act: Callable[[], None], book: Book) -> None:
    while time.monotonic() < end:
        try:
            act()
        except Exception as error:
            book.complain(f"a client met {error!r}")


def memory(pid: int) -> dict[int, float]:
    """Megabytes that a process and all that it started have in memory, by process id (on Linux)."""
    parents, sizes = {}, {}
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in path.read_text().splitlines())
        except OSError:
            continue  # it has ended
        each = int(path.parent.name)
        parents[each] = int(lines["PPid"])
        sizes[each] = int(lines.get("VmRSS", "0").split()[0]) / 1024
    family = {pid}
    while more := {each for each, parent in parents.items() if parent in family} - family:
        family |= more
    return {each: sizes[each] for each in family if each in sizes}


def _print_table(book: Book) -> None:
    print("| endpoint | requests | p50 | p90 | p99 | longest | statuses |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    everything = [took for each in book.seconds.values() for took in each]
    for endpoint, seconds in [*sorted(book.seconds.items()), ("all", everything)]:
        statuses = ", ".join(f"{status}: {n}" for status, n in sorted(book.statuses[endpoint].items()))
        shown = " | ".join(f"{each:.2f} s" for each in _quantiles(sorted(seconds)))
        print(f"| {endpoint} | {len(seconds):,} | {shown} | {statuses} |")


def _quantiles(seconds: Sequence[float]) -> list[float]:
    return [seconds[min(int(part * len(seconds)), len(seconds) - 1)] for part in (0.5, 0.9, 0.99, 1.0)]


def _untrue(shop: Shop, book: Book, dynamodb: Any) -> Iterator[str]:
    """Hold the table against what clients were told."""
    tenant = shop.tenant
    ids = [tenant.id(number) for number in range(shop.count)]
    pk_of: dict[str, Callable[[str], str]] = {
        "inbound": lambda each: keys.message("INBOUND", tenant.account, each),
        "outbound": lambda each: keys.message("OUTBOUND", tenant.account, each),
        "pull": lambda each: keys.pull_event(tenant.account, tenant.pull, each),
        "linked": lambda each: keys.linked_message(tenant.account, each),
    }
    wrong = []
    for family in (*FAMILIES, "linked"):
        known = shop.linked if family == "linked" else ids
        places = {pk_of[family](each): each for each in known}
        flagged = {places[pk] for pk in _flagged(dynamodb, places)}
        told = {each: count for (of, each), count in book.balance.items() if of == family}
        for each in known:
            if told.get(each, 0) != (each in flagged):
                state = "flagged" if each in flagged else "not flagged"
                wrong.append(f"{family} {each} is {state}, reported {told.get(each, 0)} times")
        yield from (f"{family} {each} was reported and is not there" for each in told.keys() - set(known))
    if len(wrong) > book.in_doubt:
        yield from wrong
    living, found = _living(shop, book), set(shop.channels.history(CHANNEL))
    if living != found:
        yield (
            f"of the channel, {len(found - living)} live that were deleted"
            f" and {len(living - found)} lack that were not"
        )


def _living(shop: Shop, book: Book) -> set[int]:
    """Timetokens that nobody deleted."""
    covered = {timetoken for stretch in book.stretches for timetoken in stretch}
    return set(range(FIRST_TIMETOKEN, FIRST_TIMETOKEN + shop.count)) - covered


def _wait_for_the_background(shop: Shop, book: Book) -> None:
    """Give what requests for the channel's history left to the background two minutes."""
    end = time.monotonic() + 120
    while set(shop.channels.history(CHANNEL)) - _living(shop, book) and time.monotonic() < end:
        time.sleep(5)


def _flagged(dynamodb: Any, places: Any) -> Iterator[str]:
    """Those that bear flags, or whose tombstone says so: linked messages are purged by the next run."""
    for some in chunks(places, 100):
        wanted: Any = {
            TABLE: {
                "Keys": [{"pk": {"S": pk}, "sk": {"S": keys.MESSAGE}} for pk in some],
                "ConsistentRead": True,
            }
        }
        while wanted:
            reply = dynamodb.batch_get_item(RequestItems=wanted)
            found = reply["Responses"][TABLE]
            yield from (item["pk"]["S"] for item in found if "deleted_at" in item or "purged_at" in item)
            wanted = reply["UnprocessedKeys"]


@click.command()
@click.option("--clients", default=32, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
@dynamodb_option
def command(clients: int, seconds: float, dynamodb_url: str | None) -> None:
    """Print the table; exit with 1 if something was not as it must be."""
    with engine_at(dynamodb_url) as url:
        sys.exit(not run(url, clients, seconds))


if __name__ == "__main__":
    command()
