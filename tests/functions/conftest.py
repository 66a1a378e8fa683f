"""What several of the functions' tests need."""

from collections.abc import Iterator

import pytest

from expunge import settings
from tests.functions.spread import WORKERS, Queue
from tests.world import World


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
