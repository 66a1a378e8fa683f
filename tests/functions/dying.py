"""A function's process that ends in the middle of its work."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from expunge.table.store import store

READS = ("get_item", "batch_get_item", "query")
WRITES = ("put_item", "update_item", "delete_item", "transact_write_items")


class Killed(BaseException):
    """The function's end, wherever it was."""


class Mortal:
    """The store's client: after so many calls the process is gone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 10**6
        self.calls: list[str] = []
        for operation in (*READS, *WRITES):
            real = getattr(store().client, operation)
            monkeypatch.setattr(store().client, operation, self._mortal(operation, real))

    def _mortal(self, operation: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            try:
                return real(**arguments)
            finally:
                self.calls.append(operation)
                self.left -= 1
                if self.left < 1:
                    raise Killed

        return call


class Here:
    """A pool without threads: what kills a thread kills the function."""

    def __init__(self, _workers: int) -> None:
        pass

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, **_: Any) -> None:
        pass
