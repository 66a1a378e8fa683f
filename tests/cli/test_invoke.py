"""Who waits for a sandbox to start, and who takes one that has become free."""

import asyncio
from typing import Any

from cli.invoke import Invoker


class Sandbox:
    """Answers when it is told to."""

    alive = True

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()

    async def invoke(self, _event: bytes, _seconds: float) -> Any:
        await self.may_answer.wait()
        return "answered"

    def kill(self) -> None:
        self.alive = False


class Nursery:
    """Counts the sandboxes that start."""

    def __init__(self) -> None:
        self.started: list[Sandbox] = []
        self.starting = self.most = 0

    async def start(self, _function: Any, _environment: Any) -> Sandbox:
        self.starting += 1
        self.most = max(self.most, self.starting)
        await asyncio.sleep(0)
        self.starting -= 1
        self.started.append(Sandbox())
        return self.started[-1]


class Function:
    """As much of one as is looked at."""

    timeout = 25


async def until_idle() -> None:
    """Let everything go on that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def invoker(nursery: Any, starts: asyncio.Semaphore) -> Invoker:
    function: Any = Function()
    return Invoker(nursery, function, {}, starts=starts)


def test_no_more_sandboxes_start_at_once_than_may_whatever_their_functions() -> None:
    async def scenario() -> Nursery:
        nursery, starts = Nursery(), asyncio.Semaphore(2)
        functions = [invoker(nursery, starts), invoker(nursery, starts)]
        asked = [asyncio.create_task(each.invoke({})) for each in functions for _ in range(3)]
        await until_idle()
        for sandbox in nursery.started:
            sandbox.may_answer.set()
        assert await asyncio.gather(*asked) == ["answered"] * 6
        return nursery

    nursery = asyncio.run(scenario())

    assert nursery.most == 2
    assert len(nursery.started) == 6


def test_who_waits_to_start_a_sandbox_takes_one_that_has_become_free() -> None:
    async def scenario() -> Nursery:
        nursery, starts = Nursery(), asyncio.Semaphore(1)
        subject = invoker(nursery, starts)
        first = asyncio.create_task(subject.invoke({}))
        await until_idle()
        async with starts:
            second = asyncio.create_task(subject.invoke({}))
            await until_idle()
            nursery.started[0].may_answer.set()
            await first
        assert await second == "answered"
        return nursery

    assert len(asyncio.run(scenario()).started) == 1


def test_a_sandbox_that_is_at_work_when_all_is_closed_ends_with_its_work() -> None:
    async def scenario() -> Sandbox:
        nursery = Nursery()
        subject = invoker(nursery, asyncio.Semaphore(1))
        asked = asyncio.create_task(subject.invoke({}))
        await until_idle()
        [sandbox] = nursery.started
        await subject.close()
        sandbox.may_answer.set()
        assert await asked == "answered"
        return sandbox

    assert not asyncio.run(scenario()).alive
