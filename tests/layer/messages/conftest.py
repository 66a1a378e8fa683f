"""The library over an empty table."""

import pytest

from expunge.messages import Messages
from tests.world import World


@pytest.fixture
def messages(world: World) -> Messages:
    world.api_key()
    world.keyset()
    return Messages(world.store.table, world.store.client)
