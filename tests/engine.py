"""The DynamoDB that tests of behaviour run on: moto in their process, or an engine in one of its own."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
import pytest
from botocore.exceptions import BotoCoreError

from cli import server
from cli.dynamodb import client
from cli.embedded import Embedded
from expunge.table.store import CLIENT_CONFIG, Store
from tests import shortcut
from tests.world import World

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_STARTS_WITHIN: Final = 120
ENGINES = ("moto", "ministack", "dynamodb-local")


@contextmanager
def running(name: str) -> Iterator[str | None]:
    """Have the engine there; yields its URL, None for moto. Skips the tests where it cannot be had."""
    if name == "moto":
        yield None
    elif name == "ministack":
        with Embedded(server.listen(0, "--dynamodb-port")) as engine:
            yield engine.url
    else:
        with _in_memory() as url:
            yield url


@contextmanager
def world(url: str | None) -> Iterator[World]:
    """Have an empty table on the engine that is there; every other service is moto's."""
    with shortcut.moto(), pytest.MonkeyPatch.context() as patch:
        if url is not None:
            patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        made: DynamoDBClient = boto3.client("dynamodb", config=CLIENT_CONFIG)
        shortcut.create_table(made, "expunge")
        try:
            yield World(Store(made, "expunge"))
        finally:
            for table in made.list_tables()["TableNames"] if url is not None else ():
                made.delete_table(TableName=table)


@contextmanager
def dynamodb_local(home: Path, port: int, *storage: str) -> Iterator[str]:
    """Have AWS's own engine there, from the folder that it lies in, with that storage; yields its URL."""
    command = [
        "java",
        f"-Djava.library.path={home / 'DynamoDBLocal_lib'}",
        "-jar",
        str(home / "DynamoDBLocal.jar"),
    ]
    command += [*storage, "-sharedDb", "-disableTelemetry", "-port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - what the user names
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(client(url))
            yield url
        finally:
            process.terminate()


@contextmanager
def _in_memory() -> Iterator[str]:
    home = os.environ.get("DYNAMODB_LOCAL_HOME", "")
    if not home or shutil.which("java") is None:
        pytest.skip("DynamoDB Local needs Java, and DYNAMODB_LOCAL_HOME to name the folder that it lies in")
    with server.listen(0, "--dynamodb-port") as free:
        port = free.getsockname()[1]
    with dynamodb_local(Path(home), port, "-inMemory") as url:
        yield url


def _wait_for(dynamodb: "DynamoDBClient") -> None:
    until = time.monotonic() + _STARTS_WITHIN
    while True:
        try:
            dynamodb.list_tables()
        except BotoCoreError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return
