"""Whether an answer, its effort or its time tells what is another account's from what is not there.

Through the handlers, in process, on moto. Of each endpoint two requests are made again and again, in an order
that chance decides: one names what another account has, one names nothing. Compared are the answers but for
the request's id, the calls of the store with their sizes, and the CPU time: the difference of the means with
its confidence interval of 95 %, and the p-value of a permutation test. A difference that a network shows is
far above what these intervals leave open.

Signatures and tokens of which the end alone is wrong are compared likewise with ones of which nothing is
right, and the check of a signature by itself over how many of its characters are right. A key that was good
once may take longer than an unknown one, because there is something to read: that tells something only to
those who have the key.
"""

import json
import os
import random
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from hashlib import sha256
from pathlib import Path
from statistics import linear_regression, mean, stdev
from typing import Any, NamedTuple

import boto3

from tests.as_deployed import environment

os.environ |= environment(POWERTOOLS_LOG_LEVEL="CRITICAL")

import delete_channel_history
import delete_inbound_message
import delete_inbound_message_batch
import delete_inbound_messages
import delete_message
import delete_outbound_message_batch
import delete_outbound_messages
import delete_pull_event
import delete_pull_event_batch
import delete_pull_events
import execute_deletion
import get_deletion
import list_deletion_messages
import restore_deletion
from expunge.history import signatures
from expunge.history.tokens import issue
from expunge.table import keys
from expunge.table.store import CLIENT_CONFIG, Store, key, store
from tests import shortcut
from tests.world import KEY, LINKED, PULL, SECRET_KEY, SUB_KEY, Context, Handler, World

shortcut.install()

ROUNDS = 400
PREFIX_ROUNDS = 200
SHUFFLES = 2000
LEAST_P = 0.001
"""Below it, chance would have to be unlikely; of fifty tables with 21 tests each, one shows it by chance."""

REVOKED_KEY, EXPIRED_KEY, NO_KEY = "hb_live_3", "hb_live_4", "hb_live_5"
OTHERS_KEY = "hb_live_2"
NO_LINKED = LINKED[:-1] + "0"
NOTHING = "01935abc-0000-7000-8000-0000000000ff"
THEIRS = {
    name: f"01935abc-0000-7000-8000-00000000020{digit}"
    for name, digit in zip(("inbound", "outbound", "pull"), "abc", strict=True)
}

WAS_GOOD = "a key that was good: "
"""How the names of those comparisons begin in which a difference is no fault."""

Case = tuple[str, Handler, Mapping[str, Any], Mapping[str, Any]]
"""What is compared, the handler, the request for another account's and the one for what is not there."""


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
        for what, handler, theirs, nothing in cases(World(Store(client, "expunge"))):
            yield compare(what, handler, theirs, nothing)


def compare(what: str, handler: Handler, theirs: Mapping[str, Any], nothing: Mapping[str, Any]) -> Row:
    """Make both requests in turns that chance decides."""
    handler(event_of(nothing), Context())  # from here on the API key is known
    answers = [noted(handler, each) for each in (theirs, nothing)]
    took: tuple[list[float], list[float]] = ([], [])
    turns = [0, 1] * ROUNDS
    random.shuffle(turns)
    for turn in turns:
        event = event_of((theirs, nothing)[turn])
        began = time.process_time_ns()
        handler(event, Context())
        took[turn].append((time.process_time_ns() - began) / 1000)
    first, second = (trimmed(each) for each in took)
    spread = (stdev(first) ** 2 / len(first) + stdev(second) ** 2 / len(second)) ** 0.5
    return Row(
        what,
        answers[0][0] == answers[1][0],
        answers[0][1] == answers[1][1],
        len(answers[0][1]),
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


def noted(handler: Handler, request: Mapping[str, Any]) -> tuple[str, list[tuple[str, int]]]:
    """Give the answer without what only names the request, and the calls with how many writes are in each."""
    client: Any = store().client
    calls: list[tuple[str, int]] = []
    make = client._make_api_call  # noqa: SLF001 - every call goes through it

    def note(operation: str, arguments: Any) -> Any:
        calls.append((operation, len(arguments.get("TransactItems", "1"))))
        return make(operation, arguments)

    client._make_api_call = note  # noqa: SLF001
    reply = handler(event_of(request), Context())
    client._make_api_call = make  # noqa: SLF001
    reply["headers"].pop("x-request-id")
    text = json.dumps(reply).replace(last_request(), "REQUEST")
    for each in (*request.get("path", {}).values(), request.get("id", "")):
        text = text.replace(each, "NAMED") if each else text
    return text, calls


def event_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write it as API Gateway does, with an id that no other has."""
    numbered.append(len(numbered))
    event = {
        "version": "2.0",
        "routeKey": request.get("route", ""),
        "rawQueryString": request.get("query", ""),
        "headers": {"authorization": f"Bearer {request.get('key', KEY)}"},
        "requestContext": {"requestId": f"r{len(numbered):08}"},
        "pathParameters": dict(request.get("path", {})),
        "isBase64Encoded": False,
    }
    return event | ({"body": request["body"]} if "body" in request else {})


def last_request() -> str:
    """The id of the request that was written last, as answers have it."""
    return f"req_r{len(numbered):08}"


numbered: list[int] = []
"""One entry a request."""


def cases(world: World) -> Iterator[Case]:
    """Fill the table for two accounts and two keysets, and give what is compared."""
    world.customer()
    world.outbound_endpoint()
    world.api_key(OTHERS_KEY, "acc_2")
    world.inbound_endpoint(THEIRS["inbound"], "acc_2")
    world.outbound_endpoint(THEIRS["outbound"], "acc_2")
    world.pull_endpoint(THEIRS["pull"], "acc_2")
    world.linked_account("acc_2")
    world.linked_message(account_id="acc_2")
    their_message = world.message(1, account_id="acc_2", inbound_endpoint_id=THEIRS["inbound"])
    their_outbound = world.outbound_message(2, account_id="acc_2", endpoint_id=THEIRS["outbound"])
    their_event = world.event(3, account_id="acc_2", pull_endpoint_id=THEIRS["pull"])
    done, plan = (
        others(delete_inbound_messages.handler, f"inbound_endpoint_id={THEIRS['inbound']}{more}")
        for more in ("&received_before=2020-01-01T00:00:00Z", "&dry_run=true")
    )
    yield from (
        of_query(what, handler, f"{name}={theirs}", f"{name}={NOTHING}")
        for what, handler, name, theirs in (
            (
                "inbound: delete-all",
                delete_inbound_messages.handler,
                "inbound_endpoint_id",
                THEIRS["inbound"],
            ),
            ("outbound: delete-all", delete_outbound_messages.handler, "endpoint_id", THEIRS["outbound"]),
        )
    )
    yield of_path("pull: delete-all", delete_pull_events.handler, {"id": THEIRS["pull"]}, {"id": NOTHING})
    for what, handler, theirs in (
        ("inbound: delete-batch", delete_inbound_message_batch.handler, their_message),
        ("outbound: delete-batch", delete_outbound_message_batch.handler, their_outbound),
        ("pull: delete-batch, own endpoint", delete_pull_event_batch.handler, their_event),
    ):
        yield what, handler, batch_of(theirs), batch_of(NOTHING)
    yield (
        "pull: delete-batch, their endpoint",
        delete_pull_event_batch.handler,
        batch_of(their_event) | {"path": {"id": THEIRS["pull"]}},
        batch_of(their_event) | {"path": {"id": NOTHING}},
    )
    one = delete_inbound_message.handler
    yield of_path("inbound: one", one, {"message_id": their_message}, {"message_id": NOTHING})
    one = delete_pull_event.handler
    yield of_path("pull: one, own endpoint", one, event_at(PULL, their_event), event_at(PULL, NOTHING))
    yield of_path(
        "pull: one, their endpoint",
        one,
        event_at(THEIRS["pull"], their_event),
        event_at(NOTHING, their_event),
    )
    one = delete_message.handler
    yield of_path("outbound: one", one, {"message_id": their_outbound}, {"message_id": NOTHING})
    yield of_path("linked: one", one, {"message_id": LINKED}, {"message_id": NO_LINKED})
    nobodys = f"req_r{99_999_999}"
    for what, handler in (
        ("a deletion", get_deletion.handler),
        ("a deletion's messages", list_deletion_messages.handler),
        ("restore", restore_deletion.handler),
    ):
        yield of_path(what, handler, {"request_id": done}, {"request_id": nobodys})
    yield of_path("execute", execute_deletion.handler, {"request_id": plan}, {"request_id": nobodys})
    yield from keys_that_were_good(world)
    yield from history(world)


def keys_that_were_good(world: World) -> Iterator[Case]:
    """What tells a key that is good no more from one that never was."""
    world.api_key(REVOKED_KEY, "acc_1")
    world.api_key(EXPIRED_KEY, "acc_1", expires_at="2020-01-01T00:00:00Z")
    world.store.client.update_item(
        TableName=world.store.table,
        Key=key(keys.api_key(sha256(REVOKED_KEY.encode()).hexdigest()), keys.API_KEY),
        UpdateExpression="SET revoked_at = :now",
        ExpressionAttributeValues={":now": {"S": "2026-01-01T00:00:00.000Z"}},
    )
    for what, name in (("revoked", REVOKED_KEY), ("expired", EXPIRED_KEY)):
        yield (
            f"{WAS_GOOD}{what}",
            delete_inbound_messages.handler,
            {"key": name, "id": name},
            {"key": NO_KEY, "id": NO_KEY},
        )


def history(world: World) -> Iterator[Case]:
    """What one keyset's auth keys, tokens and channels tell in another one."""
    world.keyset(access_manager=True)
    world.keyset(sub_key="sub-c-2", secret_key="sec-c-2", access_manager=True)  # noqa: S106 - made up
    world.auth_grant("granted", "ch", sub_key="sub-c-2")
    world.channel_messages("there", 17_000_000_000_000_000)
    fields = {b"v": 2, b"t": int(time.time()), b"ttl": 60, b"res": {b"chan": {"ch": 8}}}
    handler = delete_channel_history.handler
    ours = {"sub_key": SUB_KEY, "channels": "ch"}
    now = int(time.time())
    path = f"/v3/history/sub-key/{SUB_KEY}/channel/ch"
    signed = signatures.message("DELETE", "pub-c-1", path, f"timestamp={now}")
    of_another, of_nobody, own = (
        issue(fields, secret_key).rstrip("=") for secret_key in ("sec-c-2", "sec-c-3", SECRET_KEY)
    )
    for what, name, (first, second) in (
        ("another keyset's auth key", "auth", ("granted", "unknown")),
        ("another keyset's token", "auth", (of_another, of_nobody)),
        ("a token that is right but for its end", "auth", almost(own)),
        (
            "a signature that is right but for its end",
            f"timestamp={now}&signature",
            almost(signatures.sign(SECRET_KEY, signed)),
        ),
    ):
        yield (
            f"history: {what}",
            handler,
            {"query": f"{name}={first}", "path": ours},
            {"query": f"{name}={second}", "path": ours},
        )
    there, nowhere = (ours | {"channels": each} for each in ("there", "nowhe"))
    yield of_path("history: a channel without permission", handler, there, nowhere)


def almost(seal: str) -> tuple[str, str]:
    """A seal of which the end alone is wrong, and one of which the last 40 characters are."""
    return changed(seal, 2), changed(seal, 40)


def changed(text: str, last: int) -> str:
    """Have other characters in the place of the last ones."""
    return text[:-last] + "".join("B" if each == "A" else "A" for each in text[-last:])


def by_right_characters() -> tuple[float, float]:
    """Nanoseconds more that a signature takes to check for each character that is right, and 95 % of it."""
    signed = [b"DELETE\npub-c-1\n/v3/history/sub-key/sub-c-1/channel/ch\ntimestamp=1\n"]
    right = signatures.sign(SECRET_KEY, signed[0])
    wrong = {number: changed(right, len(right) - number) for number in range(3, len(right))}
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


def others(handler: Handler, query: str) -> str:
    """Have the other account do something, and give the request's id."""
    reply = handler(event_of({"query": query, "key": OTHERS_KEY}), Context())
    if reply["statusCode"] != 200:
        raise SystemExit(reply["body"])
    return last_request()


def of_query(what: str, handler: Handler, theirs: str, nothing: str) -> Case:
    """Compare two queries."""
    first, second = ({"query": each, "id": each.rpartition("=")[2]} for each in (theirs, nothing))
    return what, handler, first, second


def of_path(what: str, handler: Handler, theirs: Mapping[str, str], nothing: Mapping[str, str]) -> Case:
    """Compare two paths."""
    return what, handler, {"path": theirs}, {"path": nothing}


def batch_of(message_id: str) -> dict[str, Any]:
    """A delete-batch of one, of the own pull endpoint where it has one."""
    return {"body": json.dumps({"message_ids": [message_id]}), "path": {"id": PULL}, "id": message_id}


def event_at(endpoint_id: str, event_id: str) -> dict[str, str]:
    """The path of an event."""
    return {"id": endpoint_id, "event_id": event_id}


if __name__ == "__main__":
    print("| another account's; nothing there | answer | calls | CPU | difference, 95 % | p |")
    print("| --- | --- | --- | ---: | ---: | ---: |")
    failed = False
    table = sys.stdout
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):  # the functions write metrics there
        for row in main():
            failed |= not row.same_answer
            failed |= not row.what.startswith(WAS_GOOD) and (not row.same_calls or row.p < LEAST_P)
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
