"""Deletions of channel history, and the commands that look them up and undo them."""

import json
from typing import Any

import pytest

from cli.main import run
from delete_channel_history import handler as delete_history
from purge import handler as purge
from tests.clock import Clock
from tests.world import SUB_KEY, World, call

REQUEST = {"path": {"sub_key": SUB_KEY, "channels": "a:b,c"}}


def expunge(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[Any], str]:
    capsys.readouterr()  # what the functions have printed
    status = run([*arguments, "--dynamodb-url", "aws"])
    out, err = capsys.readouterr()
    return status, [json.loads(line) for line in out.splitlines()], err


def history_deleted(world: World, **query: str) -> str:
    world.keyset()
    world.channel_messages("a:b", 1, 2, 3)
    world.channel_messages("c", 2)
    return call(delete_history, **REQUEST, query=query).headers["x-request-id"]  # type: ignore[arg-type]


def complete(clock: Clock) -> None:
    clock.run(61)
    purge({}, clock.invocation(270))
