"""What goes wrong between a function and the store, call by call."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context as Variables
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from expunge.table import sending
from tests.soak.timeline import Hangs, Invocation, Timeline

URL = "https://dynamodb.example"
WRITES = frozenset({"TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem", "SendMessageBatch"})

KINDS = (
    *("throttling", "conflict", "internal error", "reset", "garbled answer", "refusal"),
    *("lost answer", "lost answer", "late write", "late write", "slow store", "hanging store"),
    *("death before", "death after", "death after"),
)

# A function's sockets are closed when it ends; what was sent by then is carried out soon or never.
LONGEST_FLIGHT = 10.0
_READ_TIMEOUT = 5.0

_HALF = 0.5
_ARRIVES = 0.8


class Killed(BaseException):
    """The function's end, wherever it was."""


class Plan(NamedTuple):
    """A kind of fault that meets so many calls from the first on."""

    kind: str
    first: int
    calls: int
    reads: bool
    writes: bool

    def meets(self, number: int, operation: str) -> bool:
        writes = operation in WRITES
        return self.first <= number < self.first + self.calls and (self.writes if writes else self.reads)


@dataclass
class Trouble:
    """One invocation of a function, and what befalls it."""

    number: int
    context: Invocation
    plans: list[Plan]
    skew: float = 0.0
    interrupted_at: int | None = None
    calls: int = 0
    dead: bool = False
    faults: list[str] = field(default_factory=list)

    def fault(self, operation: str) -> str | None:
        """What befalls the next call."""
        number, self.calls = self.calls, self.calls + 1
        return next((each.kind for each in self.plans if each.meets(number, operation)), None)


class Called(NamedTuple):
    """A call of the store by that invocation; `carry_out` does what it asks for."""

    trouble: Trouble
    operation: str
    params: dict[str, Any]
    carry_out: Callable[[], Any]

    @property
    def writes(self) -> bool:
        """Whether it is to change something."""
        return self.operation in WRITES


class Flight(NamedTuple):
    """A write on its way, which lands at a time or never."""

    lands: float
    carry_out: Callable[[], Any]


class Faults:
    """Makes calls of the store for the invocation that is under way, or has them fail."""

    def __init__(self, chance: Random, timeline: Timeline) -> None:
        self.made: Counter[str] = Counter()
        self._chance = chance
        self._timeline = timeline
        self._flights: list[Flight] = []

    def plans(self, chance: Random) -> list[Plan]:
        """Give those of an invocation: often none, sometimes two."""
        return [self._plan(chance) for _ in range(chance.choice((0, 1, 1, 2, 2)))]

    def _plan(self, chance: Random) -> Plan:
        kind = chance.choice(KINDS)
        which = chance.choice(((True, True), (False, True), (False, True), (True, False)))
        calls = chance.choice((1, 1, 2, 3, 6, 1000))
        first = chance.randrange(chance.choice((3, 6, 12, 30)))
        return Plan(kind, first, calls, *which)

    def call(
        self, trouble: Trouble, operation: str, params: dict[str, Any], carry_out: Callable[[], Any]
    ) -> Any:
        """Make the call, whatever befalls it; `carry_out` is what the store does."""
        if trouble.dead:
            raise Killed
        self.land()
        self._timeline.advance(self._chance.uniform(0.003, 0.03))
        kind = trouble.fault(operation)
        if kind is None:
            return carry_out()
        self.made[kind] += 1
        trouble.faults.append(kind)
        befall = getattr(self, "_" + kind.replace(" ", "_"))
        return befall(Called(trouble, operation, params, carry_out))

    def land(self, *, all_of_them: bool = False) -> None:
        """Carry out the writes that have been on their way for long enough."""
        now = self._timeline.seconds
        landing = [each for each in self._flights if all_of_them or each.lands <= now]
        for each in landing:
            self._flights.remove(each)
            with suppress(ClientError):
                # Outside of whatever is about to be sent at this moment.
                Variables().run(each.carry_out)

    def _throttling(self, called: Called) -> Any:
        if called.operation == "TransactWriteItems" and self._chance.random() < _HALF:
            raise _cancelled(self._chance, called.params, "ThrottlingError")
        if called.operation == "BatchGetItem" and self._chance.random() < _HALF:
            return _in_part(called.params, called.carry_out())
        codes = ("ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded")
        raise refusal(self._chance.choice(codes), called.operation)

    def _conflict(self, called: Called) -> Any:
        if called.operation == "TransactWriteItems":
            raise _cancelled(self._chance, called.params, "TransactionConflict")
        if called.writes:
            raise refusal("TransactionConflictException", called.operation)
        return called.carry_out()

    def _internal_error(self, called: Called) -> Any:
        self._perhaps(called)
        raise refusal("InternalServerError", called.operation, 500)

    def _reset(self, called: Called) -> Any:
        if self._chance.random() < _HALF:
            raise EndpointConnectionError(endpoint_url=URL)
        self._perhaps(called)
        raise ConnectionClosedError(endpoint_url=URL)

    def _lost_answer(self, called: Called) -> Any:
        _do(called)
        self._timeline.advance(_READ_TIMEOUT)
        raise ReadTimeoutError(endpoint_url=URL)

    def _garbled_answer(self, called: Called) -> Any:
        _do(called)
        raise ResponseParserError("garbled")

    def _late_write(self, called: Called) -> Any:
        self._send_off(called)
        if called.writes and self._timeline.in_thread and self._chance.random() < _HALF:
            raise Hangs
        self._timeline.advance(_READ_TIMEOUT)
        raise ReadTimeoutError(endpoint_url=URL)

    def _hanging_store(self, _: Called) -> Any:
        ask_whether_to_send()
        self._timeline.advance(_READ_TIMEOUT)
        raise ReadTimeoutError(endpoint_url=URL)

    def _slow_store(self, called: Called) -> Any:
        self._timeline.advance(self._chance.uniform(0.2, 4.5))
        return called.carry_out()

    def _refusal(self, called: Called) -> Any:
        raise refusal("AccessDeniedException", called.operation)

    def _death_before(self, called: Called) -> Any:
        called.trouble.dead = True
        raise Killed

    def _death_after(self, called: Called) -> Any:
        called.trouble.dead = True
        self._perhaps(called)
        raise Killed

    def _perhaps(self, called: Called) -> None:
        """Carry it out, or soon, or not at all."""
        self._chance.choice((_do, _do, self._send_off, lambda _: ask_whether_to_send()))(called)

    def _send_off(self, called: Called) -> None:
        """Have it on its way."""
        ask_whether_to_send()
        if called.writes and self._chance.random() < _ARRIVES:
            lands = self._timeline.seconds + self._chance.uniform(0, LONGEST_FLIGHT)
            self._flights.append(Flight(lands, called.carry_out))


def _do(called: Called) -> None:
    """Carry it out; a refusal is lost like any other answer."""
    with suppress(ClientError):
        called.carry_out()


def refusal(code: str, operation: str, status: int = 400, **fields: Any) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}, **fields}
    return ClientError(response, operation)


def _cancelled(chance: Random, params: dict[str, Any], code: str) -> ClientError:
    """A transaction of which one entry or several met something."""
    entries = params["TransactItems"]
    met = set(chance.sample(range(len(entries)), chance.randint(1, len(entries))))
    reasons = [{"Code": code if at in met else "None"} for at in range(len(entries))]
    return refusal("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)


def _in_part(params: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    """A batch of which the last item was not read."""
    [(table, wanted)] = params["RequestItems"].items()
    last = wanted["Keys"][-1]
    kept = [
        item
        for item in reply["Responses"].get(table, [])
        if not all(item.get(name, value) == value for name, value in last.items())
    ]
    return reply | {
        "Responses": {table: kept},
        "UnprocessedKeys": {table: wanted | {"Keys": [last]}},
    }


def ask_whether_to_send() -> None:
    """Meet what a request meets that is about to be sent."""
    check = sending._check.get()  # noqa: SLF001 - a request that is sent meets it
    if check is not None:
        check()
