"""The inside of a Lambda sandbox, and the nursery that sandboxes are forked from.

Run as ``python -m cli.sandbox`` with a Unix socket as standard input. The nursery imports what is slow to
import, says so with one byte, and forks a sandbox for each byte that it receives together with a socket.
Over that socket the sandbox gets first its `function` and environment, then one event after another.

The nursery leads a process group of its own: a Ctrl-C in the terminal does not reach it, and when its socket
closes, however its owner ended, it kills the group: the sandboxes, what they started, and itself.
"""

import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedRWPair
from typing import Any

SLOW_IMPORTS = (
    "boto3.session",
    "botocore.client",
    "botocore.endpoint",
    "pydantic_core",
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.metrics",
)
"""Modules that may be imported before a fork: meanwhile they start no thread, open nothing and read no
environment."""

LENGTH = struct.Struct(">I")
"""Stands before each JSON message: its length in bytes."""


@dataclass(frozen=True)
class Context:
    """What Lambda hands to a handler beside the event, with the names and types that Lambda gives it."""

    function_name: str
    memory_limit_in_mb: str
    timeout: float
    """Seconds from the start of the invocation."""
    log_stream_name: str
    function_version: str = "$LATEST"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.monotonic)
    client_context: None = None
    identity: None = None

    @property
    def invoked_function_arn(self) -> str:
        """An ARN of the right form; the account is made up."""
        return f"arn:aws:lambda:{os.environ['AWS_REGION']}:000000000000:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        """Where Lambda would log to; here it is the standard error of ``expunge serve``."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until this invocation is killed."""
        return max(0, int((self.started + self.timeout - time.monotonic()) * 1000))


def main() -> None:
    """Fork sandboxes until the socket closes."""
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    for name in SLOW_IMPORTS:
        importlib.import_module(name)
    gc.collect()
    # Sandboxes share this memory as long as nobody writes to it, which the garbage collector would.
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the exit status of sandboxes
    with suppress(OSError):  # the owner is gone
        control.send(b"r")
        while (channel := _next_channel(control)) is not None:
            if os.fork() == 0:
                control.close()
                _sandbox(socket.socket(fileno=channel))
                os._exit(0)
            os.close(channel)
    os.killpg(0, signal.SIGKILL)


def _next_channel(control: socket.socket) -> int | None:
    _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
    return descriptors[0] if descriptors else None


def _sandbox(channel: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _close_standard_input()
    with channel, channel.makefile("rwb") as stream:
        _write(stream, {"pid": os.getpid()})
        function = _read(stream)
        try:
            handler = _load_handler(function)
            _write(stream, {"ready": True})
            while (event := _read(stream)) is not None:
                _write(stream, _invoke(handler, event, function))
        # As in Lambda, whatever ends the handler's process is logged, and the process ends.
        except BaseException as error:
            _log(error)


def _close_standard_input() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _load_handler(function: dict[str, Any]) -> Callable[[Any, Context], Any]:
    os.environ.clear()
    os.environ.update(function["environment"])
    sys.path.insert(0, function["code"])
    handler: Callable[[Any, Context], Any] = getattr(
        importlib.import_module(function["module"]), function["attribute"]
    )
    return handler


def _invoke(handler: Callable[[Any, Context], Any], event: Any, function: dict[str, Any]) -> dict[str, Any]:
    context = Context(
        function_name=function["name"],
        memory_limit_in_mb=str(function["memory"]),
        timeout=function["timeout"],
        log_stream_name=f"sandbox/{os.getpid()}",
    )
    try:
        # As text, as in Lambda: a reply that JSON cannot hold is the handler's failure.
        return {"reply": json.dumps(handler(event, context))}
    except Exception as error:  # whatever a handler raises is its failure; Lambda logs it and goes on
        _log(error)
        return {"failed": True}


def _log(error: BaseException) -> None:
    """Say what was raised and where, but not in its words: a library's may quote the event."""
    from expunge.tracebacks import traceback_of  # noqa: PLC0415 - it reads the function's environment

    sys.stderr.write(f"{traceback_of(error)}\n")


def _read(stream: BufferedRWPair) -> Any:
    """Return the next message, None when there will be no more."""
    head = stream.read(LENGTH.size)
    return json.loads(stream.read(LENGTH.unpack(head)[0])) if head else None


def _write(stream: BufferedRWPair, message: Any) -> None:
    body = json.dumps(message).encode()
    stream.write(LENGTH.pack(len(body)) + body)
    stream.flush()


if __name__ == "__main__":
    main()
