"""The embedded DynamoDB, and S3 at the same port: ministack in a child process, in memory or kept.

Run as ``python -m cli.embedded FD...`` it serves on inherited sockets and ends when its standard input does,
so that it never outlives ``expunge serve``, however that ended.
"""

import asyncio
import logging
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

import click

from cli import keeping, log
from cli.dynamodb import ACCESS_KEY, REGION
from cli.keeping import Keeper, Unkept, write_and_end

_SCOPE = f"{ACCESS_KEY}/20260101/{REGION}"
_SERVICE = re.compile(rb"Credential=[^,\s]*/([a-z0-9-]+)/aws4_request")


class Embedded:
    """An embedded DynamoDB. It takes over listening sockets, and serves on them until it is closed."""

    def __init__(self, listener: socket.socket, *more: socket.socket, data: Path | None = None) -> None:
        """Begin empty, or with what is kept in the folder `data`. Raises ClickException for one in use."""
        self._data = data
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with ExitStack() as ours:
            numbers = [ours.enter_context(each).fileno() for each in (listener, *more)]
            claims = [] if data is None else [keeping.claim(data)]
            for claim in claims:  # from then on the engine's process holds the claim, not this one
                ours.callback(os.close, claim)
            self._process = subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
                [sys.executable, "-P", "-m", "cli.embedded", *map(str, numbers)],
                stdin=subprocess.PIPE,
                stdout=2,
                pass_fds=[*numbers, *claims],
                # So a Ctrl-C in the terminal does not end it: requests in flight still need the records.
                start_new_session=True,
                env=_environment() | ({} if data is None else keeping.environment(data)),
            )

    @property
    def alive(self) -> bool:
        """False if it ended by itself."""
        return self._process.poll() is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """End it; its tables are gone, unless they are kept. Raises ClickException if that was not done.

        What fails because it has ended before, such as a call of the table, becomes a ClickException too.
        """
        ended = not self.alive
        if self._data is None:
            self._process.kill()
        self._process.communicate()
        if ended and isinstance(error, Exception) and not isinstance(error, click.ClickException):
            raise click.ClickException("the embedded DynamoDB has ended") from error
        if self._process.returncode == keeping.LOST:
            raise click.ClickException(f"not all records are kept in {self._data}")


def _environment() -> dict[str, str]:
    """Return this process's environment with our settings of ministack, but none of the user's.

    One of those could make it write to the disk.
    """
    theirs = ("AWS_", "MINISTACK_", "LOCALSTACK_", "DOCKER_", "PERSIST_STATE", "AUTH", "USE_SSL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    return {**kept, "SERVICES": "dynamodb,dynamodbstreams,s3", "LOG_LEVEL": "WARNING"}


Message = MutableMapping[str, Any]


def main() -> None:
    """Serve until standard input ends."""
    asyncio.run(_main())


async def _main() -> None:
    log.begin()  # before ministack does, which would log what it was sent
    asyncio.get_running_loop().set_exception_handler(log.log_briefly)
    keeper = Keeper() if os.environ.get("PERSIST_STATE") == "1" else None
    end: Callable[[], None] = partial(os._exit, 0)
    if keeper is not None:
        try:
            keeper.read()
        except Unkept as error:
            sys.exit(f"expunge: {error}; move it away to begin with an empty table")
        end = partial(write_and_end, asyncio.get_running_loop(), keeper.write)
        often = asyncio.create_task(keeper.write_often())
        often.add_done_callback(lambda _: os._exit(1))  # it ends only if it fails
    threading.Thread(target=_end_with_owner, args=[end], daemon=True).start()
    from hypercorn.asyncio import serve  # noqa: PLC0415 - slow, and of use to this process only
    from hypercorn.config import Config  # noqa: PLC0415
    from ministack.app import app  # type: ignore[import-untyped] # noqa: PLC0415 - it has no types

    async def dynamodb(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        # Without ministack's start-up: that is for its other services, and looks for Docker.
        if scope["type"] == "http":
            await app({**scope, "headers": _as_owner(scope["headers"])}, receive, send)
            if keeper is not None:
                keeper.note(dict(scope["headers"]).get(b"x-amz-target", b""))

    config = Config()
    config.bind = [f"fd://{number}" for number in sys.argv[1:]]
    config.errorlog = logging.getLogger("hypercorn.error")
    config.keep_alive_timeout = 75
    await serve(dynamodb, config)  # type: ignore[arg-type] # it wants its own message types


def _as_owner(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Let every client see the same tables; ministack would keep them apart by key and region."""
    return [(name, _owner(value) if name.lower() == b"authorization" else value) for name, value in headers]


def _owner(authorization: bytes) -> bytes:
    named = _SERVICE.search(authorization)
    service = named[1].decode() if named else "dynamodb"
    return f"AWS4-HMAC-SHA256 Credential={_SCOPE}/{service}/aws4_request".encode()


def _end_with_owner(end: Callable[[], None]) -> None:
    sys.stdin.read()
    end()


if __name__ == "__main__":
    main()
