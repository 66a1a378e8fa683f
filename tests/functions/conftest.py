"""What several of the functions' tests need."""

from collections.abc import Iterator

import pytest

from expunge import settings
from tests.functions.dying import Here, Mortal
from tests.functions.spread import DELETED, MESSAGES, WORKERS, Queue
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
