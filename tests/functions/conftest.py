"""What several of the functions' tests need."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cli.dynamodb import create_table
from expunge import settings
from expunge.events import bus as event_bus
from expunge.table.store import CLIENT_CONFIG, Store, store
from tests.functions.dying import Here, Mortal
from tests.functions.spread import DELETED, MESSAGES, WORKERS, Queue
from tests.stream import Bus
from tests.world import World


@pytest.fixture
def due(world: World) -> World:
    """A world with messages that are due."""
    for number in range(MESSAGES):
        world.message(number, **DELETED)
    return world


@pytest.fixture
def queue(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    del world
    queue = Queue()
    monkeypatch.setenv("WORK_QUEUE_URL", queue.url)
    monkeypatch.setenv("WORK_CONCURRENCY", str(WORKERS))
    for cached in (settings.work_queue, settings.work_concurrency):
        cached.cache_clear()
    yield queue
    for cached in (settings.work_queue, settings.work_concurrency):
        cached.cache_clear()


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> Mortal:
    """Have functions die after a call to the store; two messages make a transaction."""
    for module in ("table.at_once", "webhooks.delete_all"):
        monkeypatch.setattr(f"expunge.{module}.ThreadPoolExecutor", Here)
    for module in ("soft_delete", "restore"):
        monkeypatch.setattr(f"expunge.deletions.{module}.LIMIT", 2)
    return Mortal(monkeypatch)


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    there = Bus()
    monkeypatch.setattr(event_bus, "_client", lambda: there)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return there


@pytest.fixture
def streamed() -> Iterator[World]:
    """A table with its stream, and records of every family in it."""
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        client = boto3.client("dynamodb", config=CLIENT_CONFIG)
        create_table(client, "expunge")
        world = World(Store(client, "expunge"))
        world.customer()
        world.outbound_endpoint()
        world.linked_account()
        world.keyset()
        yield world


@pytest.fixture
def disturb(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have calls of one operation fail: the first so many, before or after they were carried out."""

    def disturb(operation: str, *errors: Exception, done: bool = False, forever: bool = False) -> None:
        client = store().client
        real: Callable[..., Any] = getattr(client, operation)
        left = list(errors)

        def disturbed(**arguments: Any) -> Any:
            if not left:
                return real(**arguments)
            error = left[0] if forever else left.pop(0)
            if done:
                with suppress(ClientError):  # its answer is lost as well
                    real(**arguments)
            raise error

        monkeypatch.setattr(client, operation, disturbed)

    return disturb
