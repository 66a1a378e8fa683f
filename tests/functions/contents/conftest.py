"""A bucket of contents that the service may delete from."""

import pytest

from expunge.deletions import emptying, purging
from tests.bucket import NAME, Bucket, may_delete_from, s3
from tests.world import World


@pytest.fixture(autouse=True)
def known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.api_key()
    may_delete_from(NAME, monkeypatch)
    monkeypatch.setattr(emptying, "_AT_ONCE", 1)  # moto's S3 takes one call at a time
    monkeypatch.setattr(purging, "_AT_ONCE", 1)


@pytest.fixture
def bucket(world: World) -> Bucket:
    """A bucket with versions."""
    del world
    return Bucket(s3())
