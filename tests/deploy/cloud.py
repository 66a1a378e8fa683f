"""AWS on loopback: ministack with all that the template asks for, in a process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import boto3

SERVICES = (
    "apigateway,cloudformation,cloudwatch,dynamodb,events,iam,lambda,logs,s3,secretsmanager,sns,sqs,ssm,sts"
)
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
}
_SECONDS = 60


@dataclass(frozen=True)
class Cloud:
    """Where it listens."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What makes SAM CLI and SDKs use it."""
        return CREDENTIALS | {"AWS_ENDPOINT_URL": self.url}

    def client(self, service: str) -> Any:
        return boto3.Session(
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        ).client(service, endpoint_url=self.url)  # type: ignore[call-overload] # any service


@contextmanager
def cloud(folder: Path) -> Iterator[Cloud]:
    """Run it until the block ends; it keeps nothing."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MINISTACK_"))}
    there = Cloud(f"http://127.0.0.1:{port}")
    own = {
        "AWS_ENDPOINT_URL": there.url,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": port,
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": "WARNING",
        "SERVICES": SERVICES,
    }
    with (folder / "ministack.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ministack"],
            cwd=folder,
            env=kept | CREDENTIALS | own,
            stdout=log,
            stderr=log,
        )
    try:
        _wait(there.url, process)
        yield there
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _SECONDS
    while True:
        assert process.poll() is None, "ministack ended"
        try:
            with urlopen(f"{url}/_ministack/ready"):  # noqa: S310 - loopback
                return
        except (URLError, ConnectionError):
            assert time.monotonic() < end, "ministack does not answer"
            time.sleep(0.1)
