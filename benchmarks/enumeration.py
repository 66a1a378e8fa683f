"""Whether an answer, its effort or its time tells what is another account's from what is not there.

Through the handlers, in process, on moto. Of each pair in tests/strangers both requests are made again and
again, in an order that chance decides: one names what another account has, or was given by it or to it, one
what is not there. Compared are the answers but for the request's id, the calls of the store with the form of
their arguments, and the CPU time: the difference of the means with
its confidence interval of 95 %, and the p-value of a permutation test. A difference that a network shows is
far above what these intervals leave open.

Signatures and tokens of which the end alone is wrong are compared likewise with ones of which nothing is
right, and the check of a signature by itself over how many of its characters are right. A key that was good
once may take longer than an unknown one, because there is something to read: that tells something only to
those who have the key. Nor is it a fault that an account's own Idempotency-Keys are known again; that these
are told apart shows that others would be.
"""

import os
import random
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from hashlib import sha256
from pathlib import Path
from statistics import linear_regression, mean, stdev
from typing import NamedTuple

import boto3

from tests.as_deployed import environment

os.environ |= environment(POWERTOOLS_LOG_LEVEL="CRITICAL")

import delete_inbound_messages
from expunge.history import signatures
from expunge.table import keys
from expunge.table.store import CLIENT_CONFIG, Store, key
from tests import shortcut
from tests.strangers import keysets
from tests.strangers.accounts import Accounts
from tests.strangers.asking import ask, event_of
from tests.strangers.pairs import CURSORS, DELETIONS, KEYS, MESSAGES, OWN_KEYS, Make, Pair
from tests.world import SECRET_KEY, Context, World

shortcut.install()

ROUNDS = 400
PREFIX_ROUNDS = 200
SHUFFLES = 2000
LEAST_P = 0.001
"""Below it, chance would have to be unlikely; of forty tables with 27 tests each, one shows it by chance."""

REVOKED_KEY, EXPIRED_KEY, NO_KEY = "hb_live_3", "hb_live_4", "hb_live_5"


class Row(NamedTuple):
    """One comparison; times in microseconds."""

    what: str
    same_answer: bool
    same_calls: bool
    calls: int
    took: float
    difference: float
    interval: float
    p: float


def main() -> Iterator[Row]:
    """Compare what is another account's with what is not there, endpoint by endpoint."""
    with shortcut.moto():
        client = boto3.client("dynamodb", config=CLIENT_CONFIG)
        shortcut.create_table(client, "expunge")
        world = World(Store(client, "expunge"))
        keysets.fill(world)
        keys_that_were_good(world)
        accounts = Accounts(world, times=ROUNDS + 2)
        for what, make in {**PAIRS, **TOLD}.items():
            yield compare(what, make(accounts))


def compare(what: str, pair: Pair) -> Row:
    """Make both requests in turns that chance decides."""
    handler, requests = pair.handler, (pair.theirs, pair.nothing)
    handler(event_of(pair.nothing), Context())  # from here on the API key is known
    theirs, nothing = (ask(handler, each) for each in requests)
    took: tuple[list[float], list[float]] = ([], [])
    turns = [0, 1] * ROUNDS
    random.shuffle(turns)
    for turn in turns:
        event = event_of(requests[turn])
        began = time.process_time_ns()
        handler(event, Context())
        took[turn].append((time.process_time_ns() - began) / 1000)
    first, second = (trimmed(each) for each in took)
    spread = (stdev(first) ** 2 / len(first) + stdev(second) ** 2 / len(second)) ** 0.5
    return Row(
        what,
        theirs.same_answer(nothing),
        theirs.calls == nothing.calls,
        len(theirs.calls),
        mean(second),
        mean(first) - mean(second),
        1.96 * spread,
        permuted(first, second),
    )


def trimmed(times: list[float]) -> list[float]:
    """Leave the slowest twentieth out, which is what else the machine did."""
    return sorted(times)[: len(times) * 19 // 20]


def permuted(first: list[float], second: list[float]) -> float:
    """How likely chance alone parts the means so far: the share of random partings that do."""
    everything, size = [*first, *second], len(first)
    total, apart = sum(everything), abs(mean(first) - mean(second))
    wider = 0
    for _ in range(SHUFFLES):
        one = sum(random.sample(everything, size))
        wider += abs(one / size - (total - one) / (len(everything) - size)) >= apart
    return (wider + 1) / (SHUFFLES + 1)


def keys_that_were_good(world: World) -> None:
    """Store a key that was revoked, and one that has expired."""
    world.api_key(REVOKED_KEY, "acc_1")
    world.api_key(EXPIRED_KEY, "acc_1", expires_at="2020-01-01T00:00:00Z")
    world.store.client.update_item(
        TableName=world.store.table,
        Key=key(keys.api_key(sha256(REVOKED_KEY.encode()).hexdigest()), keys.API_KEY),
        UpdateExpression="SET revoked_at = :now",
        ExpressionAttributeValues={":now": {"S": "2026-01-01T00:00:00.000Z"}},
    )


def of_api_keys(was_good: str) -> Make:
    """Compare a key that is good no more with one that never was."""
    pair = Pair(delete_inbound_messages.handler, {"key": was_good}, {"key": NO_KEY}, 401)
    return lambda _: pair


# First what lists deletions, because each accepted request of the others leaves one.
PAIRS: Mapping[str, Make] = {**DELETIONS, **CURSORS, **MESSAGES, **KEYS, **keysets.HISTORY}
TOLD: Mapping[str, Make] = {
    "a key that was good: revoked": of_api_keys(REVOKED_KEY),
    "a key that was good: expired": of_api_keys(EXPIRED_KEY),
    **OWN_KEYS,
}
"""Those of which a difference is no fault."""


def by_right_characters() -> tuple[float, float]:
    """Nanoseconds more that a signature takes to check for each character that is right, and 95 % of it."""
    signed = [b"DELETE\npub-c-1\n/v3/history/sub-key/sub-c-1/channel/ch\ntimestamp=1\n"]
    right = signatures.sign(SECRET_KEY, signed[0])
    wrong = {number: keysets.changed(right, len(right) - number) for number in range(3, len(right))}
    took: list[tuple[int, float]] = []
    for _ in range(PREFIX_ROUNDS):
        for number in random.sample(list(wrong), len(wrong)):
            began = time.perf_counter_ns()
            for _ in range(20):
                signatures.matches(wrong[number], SECRET_KEY, signed)
            took.append((number, (time.perf_counter_ns() - began) / 20))
    bound = sorted(each for _, each in took)[len(took) * 9 // 10]
    kept = [each for each in took if each[1] <= bound]
    return slope(kept)


def slope(points: list[tuple[int, float]]) -> tuple[float, float]:
    """The slope of the line through the points, and its confidence interval of 95 %."""
    found = linear_regression(*zip(*points, strict=True))
    middle = mean(x for x, _ in points)
    spread = sum((x - middle) ** 2 for x, _ in points)
    left = sum((y - found.intercept - found.slope * x) ** 2 for x, y in points) / (len(points) - 2)
    return found.slope, 1.96 * (left / spread) ** 0.5


if __name__ == "__main__":
    print("| another account's; nothing there | answer | calls | CPU | difference, 95 % | p |")
    print("| --- | --- | --- | ---: | ---: | ---: |")
    failed = False
    table = sys.stdout
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):  # the functions write metrics there
        for row in main():
            failed |= row.what in PAIRS and not (row.same_answer and row.same_calls and row.p >= LEAST_P)
            print(
                f"| {row.what} | {'same' if row.same_answer else 'DIFFERS'}"
                f" | {'same' if row.same_calls else 'DIFFER'}, {row.calls} | {row.took:.0f} us"
                f" | {row.difference:+.0f} ± {row.interval:.0f} us | {row.p:.3f} |",
                file=table,
                flush=True,
            )
    more, interval = by_right_characters()
    print(
        f"\nA signature takes {more:+.2f} ± {interval:.2f} ns more to check for each character that is right."
    )
    sys.exit(failed)
