"""A keyset whose Access Manager is on, and a message of it; the clock stands."""

import pytest

from expunge import timestamps
from tests.world import World


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands, at a whole second as tokens count them: what is good until now is over now."""
    stopped = timestamps.now().replace(microsecond=0)
    monkeypatch.setattr(timestamps, "now", lambda: stopped)


@pytest.fixture(autouse=True)
def message(world: World) -> None:
    world.keyset(access_manager=True)
    world.channel_messages("ch1", 1)
