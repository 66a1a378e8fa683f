"""Sandboxes come, stay warm and go as in Lambda."""

import asyncio
import json
import os
import time
from collections.abc import Awaitable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from cli.gateway import BODY_LIMIT
from cli.invoke import EVENT_LIMIT, Nursery
from tests.cli.gateway.running import NOT_FOUND, TOO_LARGE, Call, World
from tests.marked.marks import MARKS, Heard

SERVER_ERROR = (500, b'{"message":"Internal Server Error"}')


def wait_until_ended(pid: int) -> None:
    """Return once the process is gone, or gone but for whoever has to take note of it."""
    stat = Path(f"/proc/{pid}/stat")
    with suppress(ProcessLookupError, FileNotFoundError):
        while not (stat.exists() and ") Z " in stat.read_text()):
            os.kill(pid, 0)
            time.sleep(0.01)


async def reply_of(answer: Awaitable[tuple[int, bytes]]) -> Any:
    status, body = await answer
    assert status == 200
    return json.loads(body)


def test_a_sandbox_stays_warm_and_has_its_environment(world: World) -> None:
    async def scenario(call: Call) -> list[Any]:
        return [await reply_of(call("/echo")), await reply_of(call("/echo/b%20c"))]

    first, second = world.run("echo", scenario)
    assert first == {"calls": 1, "pid": first["pid"], "path": "/echo", "name": "echo"}
    assert second == {"calls": 2, "pid": first["pid"], "path": "/echo/b c", "name": "echo"}
    assert first["pid"] != os.getpid()


def test_two_invocations_at_once_run_in_two_sandboxes(world: World) -> None:
    async def scenario(call: Call) -> Any:
        return await asyncio.gather(reply_of(call()), reply_of(call()))

    first, second = world.run("meeting", scenario)
    assert first["pid"] != second["pid"]


def test_beyond_the_limit_of_sandboxes_invocations_wait_in_line(world: World) -> None:
    async def scenario(call: Call) -> Any:
        return await asyncio.gather(*(reply_of(call()) for _ in range(6)))

    replies = world.run("echo", scenario, limit=2)
    pids = {reply["pid"] for reply in replies}
    assert len(pids) == 2
    assert sum(max(reply["calls"] for reply in replies if reply["pid"] == pid) for pid in pids) == 6


def test_an_exception_of_the_handler_is_a_500_and_leaves_its_sandbox_warm(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def scenario(call: Call) -> Any:
        return await call(), await reply_of(call())

    with closing(Nursery()) as nursery:  # its own, since capfd sees only what is started under it
        assert World(nursery, tmp_path).run("failing", scenario) == (SERVER_ERROR, {"calls": 2})
    assert capfd.readouterr().err.endswith("builtins.RuntimeError\n")


def test_what_a_handler_raises_is_logged_without_what_it_quotes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(call: Call) -> Any:
        return await call(body=MARKS["body"].encode())

    heard = Heard()
    with closing(Nursery()) as nursery:
        heard.at("reply", World(nursery, tmp_path).run("quoting", scenario)[1])
    log = capfd.readouterr().err
    heard.at("log", log + caplog.text)

    assert [line for line in log.splitlines() if not line.startswith(" ")] == [
        "builtins.ValueError",
        "builtins.KeyError",
    ]
    assert heard.leaks(MARKS) == set()


def test_a_process_that_ends_is_a_500_and_the_next_request_gets_a_new_sandbox(world: World) -> None:
    async def scenario(call: Call) -> Any:
        return await reply_of(call()), await call("/exiting/now"), await reply_of(call())

    first, crash, second = world.run("exiting", scenario)
    assert crash == SERVER_ERROR
    assert (first["calls"], second["calls"]) == (1, 1)
    assert first["pid"] != second["pid"]


def test_a_sandbox_that_died_while_idle_is_replaced(world: World) -> None:
    async def scenario(call: Call) -> Any:
        first = await reply_of(call())
        os.kill(first["pid"], 9)
        await asyncio.sleep(0.1)  # the loop must see the connection end
        return first, await reply_of(call())

    first, second = world.run("echo", scenario)
    assert (first["calls"], second["calls"]) == (1, 1)


def test_running_past_the_timeout_is_a_500_and_ends_the_sandbox(world: World) -> None:
    async def scenario(call: Call) -> Any:
        first = await reply_of(call())
        late = await call()
        return first, late, await reply_of(call())

    first, late, third = world.run("slow", scenario, timeout=1)
    assert late == SERVER_ERROR
    assert (first["calls"], third["calls"]) == (1, 1)
    wait_until_ended(first["pid"])


def test_a_client_that_hangs_up_does_not_end_the_invocation(world: World) -> None:
    async def scenario(call: Call) -> Any:
        hung_up = asyncio.create_task(call())  # would wait for another one for ever
        while not (world.folder / "meeting").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
        hung_up.cancel()
        other = await reply_of(call())
        return other, await reply_of(call("/meeting")), hung_up.cancelled()

    _, _, cancelled = world.run("meeting", scenario)
    assert cancelled
    assert len(list((world.folder / "meeting").iterdir())) == 2


def test_the_context_is_lambdas(world: World) -> None:
    async def scenario(call: Call) -> Any:
        return await reply_of(call())

    context = world.run("contexts", scenario)
    assert context == {
        "function_name": "Contexts",
        "function_version": "$LATEST",
        "memory_limit_in_mb": "512",
        "invoked_function_arn": "arn:aws:lambda:eu-west-1:000000000000:function:Contexts",
        "aws_request_id": context["aws_request_id"],
        "log_group_name": "/aws/lambda/Contexts",
        "log_stream_name": context["log_stream_name"],
        "counts_down": True,
    }


@pytest.mark.parametrize("name", ["large", "unspeakable", "malformed", "missing"])
def test_a_reply_that_cannot_be_passed_on_is_a_500(world: World, name: str) -> None:
    async def scenario(call: Call) -> Any:
        return await call(), await call()

    assert world.run(name, scenario) == (SERVER_ERROR, SERVER_ERROR)


def test_what_has_no_route_is_answered_by_the_gateway(world: World) -> None:
    async def scenario(call: Call) -> Any:
        return [
            await call("/elsewhere"),
            await call("/echo", method="GET"),
            await call("/health", method="GET"),
            await call("/health", method="POST"),
        ]

    assert world.run("echo", scenario) == [NOT_FOUND, NOT_FOUND, (200, b'{"status":"ok"}'), NOT_FOUND]


def test_a_body_over_what_api_gateway_or_lambda_takes_is_a_413(world: World) -> None:
    async def scenario(call: Call) -> Any:
        return [await call(body=b"x" * size) for size in (BODY_LIMIT + 1, EVENT_LIMIT, EVENT_LIMIT // 2)]

    too_large, too_large_for_lambda, (status, _) = world.run("echo", scenario)
    assert too_large == too_large_for_lambda == TOO_LARGE
    assert status == 200


def test_closing_the_nursery_ends_its_sandboxes_whatever_they_do(tmp_path: Path) -> None:
    async def scenario(call: Call) -> Any:
        pid = (await reply_of(call()))["pid"]
        busy = asyncio.create_task(call())
        await asyncio.sleep(0.1)
        own.close()
        return pid, await busy

    with closing(Nursery()) as own:
        own.wait()
        pid, answer = World(own, tmp_path).run("slow", scenario)
    assert answer == SERVER_ERROR
    wait_until_ended(pid)
