"""Lambda as seen from its caller: functions are invoked, and sandboxes come, stay warm and go."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from cli.sandbox import LENGTH
from cli.template import Function

SANDBOXES: Final = 10
"""Of one function at once, at most; further invocations wait in line."""

EVENT_LIMIT: Final = 6 * 1024 * 1024
"""Bytes of JSON, of an event as well as of a reply."""

_START_TIMEOUT: Final = 10
"""Seconds in which the handler's module must be imported, as in Lambda."""


class InvocationError(Exception):
    """The function gave no reply: it raised, ended its process, ran out of time or could not start."""


class EventTooLargeError(Exception):
    """The event is longer than Lambda takes."""


class Nursery:
    """The process that sandboxes are forked from. It has imported already what is slow to import.

    It ends with everything it forked when it is closed, and also when this process is killed.
    """

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                # -P: no package of the current directory instead of ours. -u: prints are seen at once.
                [sys.executable, "-P", "-u", "-m", "cli.sandbox"],
                stdin=theirs.fileno(),
                stdout=2,  # what functions print is for whoever watches, not for a pipe
                start_new_session=True,
            )

    def wait(self) -> None:
        """Return once sandboxes start quickly. Raises RuntimeError if it ended instead."""
        if not self._control.recv(1):
            raise RuntimeError("the process that functions run in could not start")

    @property
    def alive(self) -> bool:
        """False if it ended by itself."""
        return self._process.poll() is None

    async def start(self, function: Function, environment: Mapping[str, str]) -> "Sandbox":
        """Start a sandbox and import the function's handler in it; raises InvocationError if that fails."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [b"s"], [theirs.fileno()])
        sandbox = Sandbox(*await asyncio.open_connection(sock=ours))
        await sandbox.load(function, environment)
        return sandbox

    def close(self) -> None:
        """End it, and every sandbox with it, whatever they are doing."""
        self._control.close()
        self._process.wait()


class Sandbox:
    """A process that runs one function, one invocation at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._pid = 0
        self._killed = False

    @property
    def alive(self) -> bool:
        """False once its process has ended."""
        return not (self._killed or self._reader.at_eof())

    async def load(self, function: Function, environment: Mapping[str, str]) -> None:
        """Import the handler, with the environment set before. Raises InvocationError."""
        start = {
            "name": function.name,
            "code": str(function.code),
            "module": function.module,
            "attribute": function.attribute,
            "timeout": function.timeout,
            "memory": function.memory,
            "environment": dict(environment),
        }
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                self._pid = json.loads(await self._receive())["pid"]
                await self._send(json.dumps(start).encode())
                await self._receive()
        except (TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            self.kill()
            raise InvocationError(f"{function.name} could not start") from error

    async def invoke(self, event: bytes, seconds: float) -> Any:
        """Return the handler's reply to the event.

        Raises InvocationError. As in Lambda, the process lives on after an exception of the handler. After
        any other failure, such as running out of time, it has ended.
        """
        message = None
        try:
            async with asyncio.timeout(seconds):
                await self._send(event)
                message = await self._receive()
        except TimeoutError as error:
            raise InvocationError(f"it ran past its {seconds:g} s and was ended") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise InvocationError("its process ended") from error
        finally:
            if message is None:
                self.kill()
        return _reply(message)

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        # An open connection means that the process is still there, and so that the id is still its own.
        if self.alive and self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self._killed = True
        self._writer.close()

    async def close(self) -> None:
        """End the process and wait until the connection to it is gone."""
        self.kill()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _send(self, body: bytes) -> None:
        self._writer.write(LENGTH.pack(len(body)) + body)
        await self._writer.drain()

    async def _receive(self) -> bytes:
        (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
        return await self._reader.readexactly(length)


def _reply(message: bytes) -> Any:
    content = json.loads(message)
    if "reply" not in content:
        raise InvocationError("its handler raised an exception")
    if len(content["reply"]) > EVENT_LIMIT:
        raise InvocationError("its reply is over 6 MB")
    return json.loads(content["reply"])


def starting_at_once() -> asyncio.Semaphore:
    """Let as many sandboxes start at once as there are processors: if more did, all would start too late."""
    return asyncio.Semaphore(os.cpu_count() or 1)


class Invoker:
    """Invokes one function: in a warm sandbox if one is free, else in a new one, up to a limit."""

    def __init__(
        self,
        nursery: Nursery,
        function: Function,
        environment: Mapping[str, str],
        limit: int = SANDBOXES,
        starts: asyncio.Semaphore | None = None,
    ) -> None:
        """Invoke that function. `starts` limits how many sandboxes start at once; invokers may share it."""
        self.function = function
        self._nursery = nursery
        self._environment = environment
        self._turns = asyncio.Semaphore(limit)
        self._starts = starts or starting_at_once()
        self._idle: list[Sandbox] = []
        self._closed = False

    async def invoke(self, event: Any) -> Any:
        """Return the reply. Raises EventTooLargeError and InvocationError."""
        body = json.dumps(event).encode()
        if len(body) > EVENT_LIMIT:
            raise EventTooLargeError
        async with self._turns:
            sandbox = self._warm() or await self._another()
            try:
                return await sandbox.invoke(body, self.function.timeout)
            finally:
                # What a client that hung up has left running may end after everything was closed.
                if self._closed:
                    sandbox.kill()
                elif sandbox.alive:
                    self._idle.append(sandbox)

    async def _another(self) -> Sandbox:
        async with self._starts:
            # One may have become free meanwhile.
            return self._warm() or await self._nursery.start(self.function, self._environment)

    def _warm(self) -> Sandbox | None:
        while self._idle:
            # The one that was used last, as in Lambda: so those that are needed no longer stay idle.
            sandbox = self._idle.pop()
            if sandbox.alive:
                return sandbox
            sandbox.kill()
        return None

    async def close(self) -> None:
        """End the sandboxes that are idle now, and each that is at work as soon as it is done."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()
