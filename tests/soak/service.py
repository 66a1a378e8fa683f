"""The whole service in a world made by a seed: what clients, queues, schedules and operators have it do."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import Context as Variables
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

import boto3
import pytest

from expunge import chance as randomness
from expunge import settings, telemetry
from expunge.background import queue
from expunge.deletions import purging, soft_delete
from expunge.deletions import restore as restoring
from expunge.events import bus as event_bus
from expunge.history import channels as history_channels
from expunge.linked import providers
from expunge.table import keys
from expunge.table.items import items
from expunge.table.records import parse
from expunge.table.store import CLIENT_CONFIG, Store
from tests import shortcut
from tests.conftest import forget
from tests.disturbances import intercept
from tests.soak.faults import Faults, Killed, Plan, Trouble, ask_whether_to_send
from tests.soak.journal import Journal
from tests.soak.memory import Memory
from tests.soak.timeline import Invocation, Timeline
from tests.stream import Bus
from tests.world import World

Record = dict[str, Any]


@dataclass
class Asked:
    """A request, or another call of a function, and what came of it; without an answer it died."""

    kind: str
    number: int
    request_id: str
    began: float
    arguments: dict[str, Any] = field(default_factory=dict)
    answer: Any = None
    ended: float = 0.0
    written_by_then: int = 0
    """How many changes the journal had when the answer went out."""
    in_time: bool = True
    faults: Sequence[str] = ()
    about: dict[str, Any] = field(default_factory=dict)


class Queue:
    """The work queue as SQS has it: at least once, in whatever order; some tasks are lost."""

    def __init__(self, service: "Service") -> None:
        self.bodies: list[str] = []
        self._service = service

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """As the SDK has it."""
        del QueueUrl

        def put() -> dict[str, Any]:
            self.bodies += [each["MessageBody"] for each in Entries]
            return {"Successful": list(Entries)}

        return dict(self._service.called("SendMessageBatch", {}, put))


class Service:
    """The service, its table and the time; every function that is invoked may meet faults."""

    def __init__(self, seed: int, stack: ExitStack) -> None:
        self.chance = Random(seed)  # noqa: S311 - the same for the same seed
        self.patch = stack.enter_context(pytest.MonkeyPatch.context())
        stack.enter_context(shortcut.moto())
        stack.callback(forget)
        client = boto3.client("dynamodb", config=CLIENT_CONFIG)
        self.world = World(Store(client, "expunge"))
        self.timeline = Timeline(self.patch)
        self.memory = Memory(lambda: self.timeline.seconds)
        self.journal = Journal(self.timeline, self.memory)
        self.faults = Faults(self.chance, self.timeline)
        self.bus = Bus()
        self.queue = Queue(self)
        self.healthy = False
        self.asked: list[Asked] = []
        self._under_way: list[Trouble | None] = []
        """The functions that are at work, each interrupted by the next; None is somebody without faults."""
        self._make_predictable(stack)
        intercept(self.patch, self._called)

    def begin(self) -> None:
        """Let the world that was made be met with what can go wrong."""
        self.memory.lag = lag = self.chance.choice((0, 0, 0, 2, 20, 60))
        self.memory.show(lambda: self.chance.uniform(0, lag))
        self.skewed = self.chance.random() < 0.3

    def _make_predictable(self, stack: ExitStack) -> None:
        patch = self.patch
        for module in (randomness, history_channels):
            patch.setattr(module, "chance", self.chance)
        for name in ("expunge.table.retries", "expunge.deletions.candidates"):
            patch.setattr(f"{name}.chance", self.chance)
        for module, name in ((soft_delete, "LIMIT"), (restoring, "LIMIT"), (purging, "ROWS")):
            patch.setattr(module, name, 2)
        # Few messages need no more, and each part takes a query.
        for parts in ("BIN_SHARDS", "CHANNEL_SHARDS", "ACCOUNT_SHARDS", "SWEEP_SHARDS"):
            patch.setattr(keys, parts, 2)
        patch.setattr(telemetry, "_publish", lambda *_: None)
        patch.setattr(event_bus, "_client", cache(lambda: self.bus))
        patch.setattr(queue, "_client", cache(lambda: self.queue))
        patch.setattr(providers, "provider_key", lambda _: "key")
        patch.setattr(providers, "_ask", self._ask_the_provider)
        for name in ("WHATSAPP", "LINKEDIN"):
            patch.setenv(f"{name}_BASE_URL", "https://provider.example")
            patch.setenv(f"{name}_KEY_NAME", "/key")
        if self.chance.random() < 0.5:
            patch.setenv("WORK_QUEUE_URL", "https://queue.example")
            patch.setenv("WORK_CONCURRENCY", "2")
        for cached in (settings.provider, settings.work_queue, settings.work_concurrency):
            cached.cache_clear()
            stack.callback(cached.cache_clear)

    def put(self, record: Record) -> None:
        """Have a record in the table, written by somebody who meets no faults."""
        for item in items(parse(json.dumps(record).encode(), content_bucket=None)):
            self.memory.answer("PutItem", {"TableName": "expunge", "Item": item})

    @property
    def interrupting(self) -> bool:
        """Whether what happens now happens while a function is at work."""
        return bool(self._under_way)

    def invoke(
        self,
        kind: str,
        call: Callable[[Asked, Invocation], Any],
        *,
        seconds: float = 25,
        plans: Sequence[Plan] = (),
        **about: Any,
    ) -> Asked:
        """Have a function do something; it may meet faults, be interrupted by something else, or die."""
        asked = Asked(kind, len(self.asked) + 1, "", self.timeline.seconds, about=about)
        asked.request_id = f"req_{asked.number}"
        self.asked.append(asked)
        context = Invocation(self.timeline, seconds)
        trouble = Trouble(
            asked.number, context, [] if self.healthy else [*self.faults.plans(self.chance), *plans]
        )
        if not self.healthy and not self._under_way and self.chance.random() < 0.4:
            trouble.interrupted_at = self.chance.randrange(self.chance.choice((6, 15, 40)))
        before, self.timeline.skew = self.timeline.skew, self._skew()
        self._under_way.append(trouble)
        try:
            asked.answer = call(asked, context)
        except Killed:
            # What it kept in memory went with it.
            forget()
        finally:
            self._under_way.pop()
            self.timeline.skew = before
        if context.get_remaining_time_in_millis() < 0:
            asked.answer, asked.in_time = None, False
        asked.ended, asked.written_by_then = self.timeline.seconds, len(self.journal.changes)
        asked.faults = trouble.faults
        return asked

    def context(self, seconds: float) -> Invocation:
        """That of a function that begins now."""
        return Invocation(self.timeline, seconds)

    def _skew(self) -> float:
        return self.chance.uniform(-240, 240) if self.skewed and not self.healthy else 0.0

    def called(self, operation: str, params: dict[str, Any], carry_out: Callable[[], Any]) -> Any:
        """Meet a call of the function that is under way."""
        trouble = self._under_way[-1]
        assert trouble is not None
        if trouble.interrupted_at == trouble.calls and not trouble.dead:
            trouble.interrupted_at = None
            with self.timeline.meanwhile():
                Variables().run(self.interrupt)
        return self.faults.call(trouble, operation, params, carry_out)

    def interrupt(self) -> None:
        """Have something else happen while a function is at work."""
        raise NotImplementedError

    @contextmanager
    def somebody_else(self) -> Iterator[None]:
        """Whoever calls the store in here is no function, and meets no faults."""
        self._under_way.append(None)
        try:
            yield
        finally:
            self._under_way.pop()

    def _called(self, _make: Any, _client: Any, operation: str, params: dict[str, Any]) -> Any:
        trouble = self._under_way[-1] if self._under_way else None
        if trouble is None:
            return self.journal.carry_out(0, operation, params)
        author, skew = trouble.number, self.timeline.skew

        def carry_out() -> Any:
            ask_whether_to_send()
            before, self.timeline.skew = self.timeline.skew, skew
            try:
                return self.journal.carry_out(author, operation, params)
            finally:
                self.timeline.skew = before

        return self.called(operation, params, carry_out)

    def _ask_the_provider(self, *_: Any) -> providers.Answer:
        self.timeline.advance(self.chance.uniform(0.1, 2))
        if self.healthy or self.chance.random() < 0.6:
            return providers.Answer(200, None, None)
        return providers.Answer(
            *self.chance.choice(((404, "resource_not_found", None), (503, None, 3), (404, None, None)))
        )
