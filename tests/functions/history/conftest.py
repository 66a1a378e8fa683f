"""A keyset whose history may be deleted."""

import pytest

from expunge.history import passes
from tests.world import World


@pytest.fixture(autouse=True)
def keyset(world: World) -> None:
    world.keyset()


@pytest.fixture
def slices_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "SLICE", 2)
