"""The last moment at which a write can be held back: when its bytes are about to go out.

A thread can be held up between its decision to write and the write itself: by a name look-up, by a TLS
handshake, or because Lambda froze the sandbox after the answer and thawed it for another request. So the SDK
asks on the thread's behalf when it has a connection and reads the request's body in order to send it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Check = Callable[[], None]
"""Called right before a request goes out; raises HeldBack to keep it from being sent."""

_check: ContextVar[Check | None] = ContextVar("check", default=None)


class HeldBack(BotoCoreError):
    """The request was not sent, because its sender has been told to stop."""

    fmt = "Held back"


@contextmanager
def checked_by(check: Check) -> Iterator[None]:
    """Have this thread's requests checked, as long as the context lasts."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def guard(client: "DynamoDBClient") -> None:
    """Let `checked_by` take effect on a client; a second call for the same client changes nothing."""
    client.meta.events.register_first("before-send.dynamodb", _before_send, unique_id="expunge.sending")


def _before_send(request: Any, **_: Any) -> None:
    check = _check.get()
    if check is not None:
        request.body = _CheckedBody(request.body, check)


class _CheckedBody:
    """A request's body that asks, when it is read, whether it may still be sent.

    By then the headers are out, but a server does not carry out a request whose body is missing.
    """

    def __init__(self, body: bytes, check: Check) -> None:
        self._left = body
        self._check = check

    def read(self, _size: int = -1) -> bytes:
        """Hand over everything, then nothing."""
        if self._left:
            self._check()
        everything, self._left = self._left, b""
        return everything
