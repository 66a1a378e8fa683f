"""The whole service on a real engine: `expunge serve` over ministack, or the one that `--engine` names."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.dynamodb import client
from tests import engine

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EXPUNGE = Path(sys.executable).with_name("expunge")


@pytest.fixture(scope="session")
def dynamodb_url(engine_url: str | None) -> Iterator[str]:
    """An engine that is there for the whole run."""
    if engine_url is not None:
        yield engine_url
        return
    with engine.running("ministack") as url:
        assert url is not None
        yield url


@pytest.fixture(scope="session")
def dynamodb(dynamodb_url: str) -> "DynamoDBClient":
    return client(dynamodb_url)


@contextmanager
def serving(dynamodb_url: str) -> Iterator[str]:
    """`expunge serve` over that engine; yields the API's address."""
    command = [str(EXPUNGE), "serve", "--port", "0", "--no-demo", "--dynamodb-url", dynamodb_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        assert process.stdout is not None
        try:
            ready = process.stdout.readline().split()
            assert ready[:3] == ["expunge", "listening", "on"]
            yield ready[3]
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0


@pytest.fixture(scope="session")
def api(dynamodb_url: str) -> Iterator[str]:
    """The address of an API that is there for the whole run."""
    with serving(dynamodb_url) as url:
        yield url
