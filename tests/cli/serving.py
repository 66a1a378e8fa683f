"""A running `expunge serve`, and a client of it."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

EXPUNGE = [sys.executable, "-c", "from cli.main import main; main()"]
ANY_PORTS = ["--port", "0", "--dynamodb-port", "0"]


class Served:
    """A running `expunge serve`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.greeting: list[str] = []
        for line in process.stdout:
            self.greeting.append(line)
            if line.startswith("expunge listening on "):
                break
        self.url = self.greeting[-1].split()[-1]

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal; return the exit status and what was written to standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate()
        return self.process.returncode, errors


@contextmanager
def serving(*options: str) -> Iterator[Served]:
    with subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
        [*EXPUNGE, "serve", *ANY_PORTS, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    ) as process:
        try:
            yield Served(process)
        finally:
            process.kill()


def fetch(
    method: str, url: str, headers: dict[str, str] | None = None, body: str | None = None
) -> tuple[int, Any]:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc)) as connection:
        connection.request(method, f"{parts.path}?{parts.query}", body, headers or {})
        with connection.getresponse() as response:
            return response.status, json.load(response)
