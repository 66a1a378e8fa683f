"""The HTTP server under the gateway: from a bound port to a clean stop."""

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

import click
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from cli.gateway import Message, Receive, Send
from cli.log import log_briefly

Application = Callable[[Message, Receive, Send], Awaitable[None]]

LOOPBACK: Final = "127.0.0.1"

GRACE: Final = 5
"""Seconds that requests in flight have to finish when the service stops."""


class Part(Protocol):
    """A process that the service cannot do without."""

    @property
    def alive(self) -> bool:
        """False if it ended by itself."""


def listen(port: int, option: str, host: str = LOOPBACK) -> socket.socket:
    """Take a port of the loopback interface or of another one, or say which option chooses another.

    Whoever connects from now on waits until something serves on it.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(100)
    except OSError as error:
        listener.close()
        reason = "is in use" if error.errno == errno.EADDRINUSE else "cannot be used"
        where = f"port {port}" if host == LOOPBACK else f"port {port} of {host}"
        raise click.ClickException(f"{where} {reason}; choose another with {option}") from error
    return listener


async def serve(
    gateway: Application,
    listeners: Sequence[socket.socket],
    parts: Mapping[str, Part],
    stopping: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal comes; requests in flight may finish, for a while or until a second signal.

    `stopping` is called when they are to finish: it ends answers that would otherwise go on for ever.
    """
    config = Config()
    config.bind = [f"fd://{listener.detach()}" for listener in listeners]
    config.errorlog = logging.getLogger("hypercorn.error")
    config.include_server_header = False
    config.graceful_timeout = GRACE
    asyncio.get_running_loop().set_exception_handler(log_briefly)
    stop = asyncio.Event()
    server = asyncio.create_task(
        hypercorn_serve(gateway, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type] # own messages
    )

    def on_signal() -> None:
        if stop.is_set():
            server.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    missing = await _first_missing(parts, stop)
    stop.set()
    stopping()
    with suppress(TimeoutError, asyncio.CancelledError):
        await asyncio.wait_for(server, GRACE)
    if missing:
        raise click.ClickException(f"{missing} has ended; start again")


async def _first_missing(parts: Mapping[str, Part], stop: asyncio.Event) -> str | None:
    """Return the name of the first part found missing, None when it is time to stop."""
    while not stop.is_set():
        for name, part in parts.items():
            if not part.alive:
                return name
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1)
    return None
