"""The DynamoDB that tests of behaviour run on: moto in their process, or an engine in one of its own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cli import server
from cli.embedded import Embedded

_LONGEST_START = 60.0
ENGINES = ("moto", "ministack", "dynamodb-local")


@contextmanager
def running(name: str) -> Iterator[str | None]:
    """Have the engine there; yields its URL, None for moto. Skips the tests where it cannot be had."""
    if name == "moto":
        yield None
    elif name == "ministack":
        with closing(Embedded(server.listen(0, "--dynamodb-port"))) as engine:
            yield engine.url
    else:
        with _dynamodb_local() as url:
            yield url


@contextmanager
def _dynamodb_local() -> Iterator[str]:
    home = os.environ.get("DYNAMODB_LOCAL_HOME", "")
    if not home or shutil.which("java") is None:
        pytest.skip("DynamoDB Local needs Java, and DYNAMODB_LOCAL_HOME to name the folder that it lies in")
    with server.listen(0, "--dynamodb-port") as free:
        port = free.getsockname()[1]
    command = [
        *(
            "java",
            f"-Djava.library.path={home}/DynamoDBLocal_lib",
            "-jar",
            str(Path(home, "DynamoDBLocal.jar")),
        ),
        *("-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - what the user names
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    """Java takes a few seconds to begin."""
    end = time.monotonic() + _LONGEST_START
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return
