"""The whole service on a real engine: `expunge serve` over ministack, or over what DYNAMODB_URL names."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli import server
from cli.dynamodb import client
from cli.embedded import Embedded

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EXPUNGE = Path(sys.executable).with_name("expunge")


@pytest.fixture(scope="session")
def dynamodb_url() -> Iterator[str]:
    """An engine that is there for the whole run."""
    if url := os.environ.get("DYNAMODB_URL"):
        yield url
        return
    with closing(Embedded(server.listen(0, "--dynamodb-port"))) as engine:
        yield engine.url


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
