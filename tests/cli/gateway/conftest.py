"""A gateway, with a nursery that its sandboxes come from."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cli.invoke import Nursery
from tests.cli.gateway.running import World


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with closing(Nursery()) as nursery:
        nursery.wait()
        yield nursery


@pytest.fixture
def world(nursery: Nursery, tmp_path: Path) -> World:
    return World(nursery, tmp_path)
