"""What a function imports when it starts is paid for by every cold start."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"

OF_LINKED_ACCOUNTS = {"expunge.linked", "expunge.problems", "aws_lambda_powertools.utilities.parameters"}
OF_RECORDS = {"pydantic_core"}
WITH_RECORDS = {"store_records"}
"""Functions that read records, which is what pydantic's core is for in the layer."""
SLOW_AND_SELDOM_NEEDED = {"boto3", "aws_lambda_powertools.utilities.batch", "asyncio", "pydantic"}


@dataclass
class Started:
    """What a process holds that has begun as a sandbox does."""

    modules: set[str]
    collects_after: int
    """How many new objects there may be before the collector looks at them."""


Start = Callable[[str], Started]

STARTER = """
import botocore.session, aws_lambda_powertools.logging, aws_lambda_powertools.metrics
import gc, json, os, sys
sys.path.insert(0, sys.argv[1])
for line in sys.stdin:
    if not os.fork():
        try:
            exec(line)
        except BaseException as error:
            print(json.dumps(repr(error)), flush=True)
        else:
            print(json.dumps([list(sys.modules), gc.get_threshold()[0]]), flush=True)
        os._exit(0)
    os.wait()
"""
"""Starts a process for each line of code; what all functions import is there already, which saves time."""


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Run a line of code in a process of its own."""
    command = [sys.executable, "-c", STARTER, str(FUNCTIONS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:  # noqa: S603 - ours
        assert starter.stdin
        assert starter.stdout
        send, receive = starter.stdin, starter.stdout

        @cache
        def started(code: str) -> Started:
            print(code, file=send, flush=True)
            found = json.loads(receive.readline())
            assert isinstance(found, list), f"{code!r} fails: {found}"
            return Started(set(found[0]), found[1])

        yield started
        send.close()


@pytest.mark.parametrize("module", sorted(path.stem for path in FUNCTIONS.glob("*.py")))
def test_a_function_imports_only_what_it_needs(module: str, start: Start) -> None:
    found = start(f"import {module}").modules

    assert OF_LINKED_ACCOUNTS & found == set(), f"{module} imports what only linked accounts need"
    assert SLOW_AND_SELDOM_NEEDED & found == set(), f"{module} imports what it hardly ever needs"
    if module in WITH_RECORDS:
        assert found >= OF_RECORDS, f"{module} reads no records: take it out of WITH_RECORDS"
    else:
        assert OF_RECORDS & found == set(), (
            f"{module} imports pydantic_core, which costs a cold start 50 ms; if it reads records, add it to"
            " WITH_RECORDS"
        )


def test_the_function_of_two_families_imports_the_one_that_is_asked_for(start: Start) -> None:
    linked = start("import delete_message; delete_message._linked()").modules
    outbound = start("import delete_message; delete_message._outbound()").modules

    assert linked >= OF_LINKED_ACCOUNTS
    assert OF_LINKED_ACCOUNTS & outbound == set()
    assert "expunge.webhooks" in outbound - linked


def test_what_reads_tokens_is_imported_with_the_first_token(start: Start) -> None:
    assert not {"cbor2", "_cbor2", "re2", "pydantic_core"} & start("import delete_channel_history").modules


@pytest.mark.parametrize("module", sorted(path.stem for path in FUNCTIONS.glob("*.py")))
def test_a_function_starts_without_collecting_garbage(module: str, start: Start) -> None:
    assert start(f"import {module}").collects_after == 100_000


def test_whoever_imports_the_package_keeps_his_own_collector(start: Start) -> None:
    package = start("import expunge, expunge.table.items, expunge.table.store")

    assert package.collects_after == start("import sys").collects_after
