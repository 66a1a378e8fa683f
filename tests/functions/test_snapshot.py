"""Functions that begin from one snapshot (Lambda SnapStart) share nothing that they must not share.

A snapshot holds the process as it is when its imports are done, the state of the random generator included.
"""

import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

import expunge
from expunge.deadline import Deadline
from expunge.deletions.runs import Run
from expunge.table.retries import Retry

FUNCTIONS = Path(__file__).parents[2] / "functions"

HELD = """
import gc, importlib, json, sys
from botocore.client import BaseClient
from botocore.credentials import Credentials
from botocore.session import Session
from urllib3 import HTTPConnectionPool
sys.path.insert(0, sys.argv[1])
for module in sys.argv[2:]:
    importlib.import_module(module)
kinds = (BaseClient, Credentials, Session, HTTPConnectionPool)
print(json.dumps([type(each).__name__ for each in gc.get_objects() if isinstance(each, kinds)]))
"""


def restored_twice(choose: Callable[[], Any]) -> tuple[Any, Any]:
    """What two copies of a snapshot choose."""
    snapshot = random.getstate()
    first = choose()
    random.setstate(snapshot)
    return first, choose()


def test_a_snapshot_holds_no_clients_connections_or_credentials() -> None:
    modules = sorted(path.stem for path in FUNCTIONS.glob("*.py"))

    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", HELD, str(FUNCTIONS), *modules], capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == []


def test_copies_pause_differently_before_they_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    throttled: Any = {"Error": {"Code": "ThrottlingException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}

    def pause() -> float:
        Retry(Deadline.never()).failed(ClientError(throttled, "Query"))
        return pauses.pop()

    first, second = restored_twice(pause)

    assert first != second


def test_no_other_module_has_a_random_generator_of_its_own() -> None:
    found = {
        path.stem
        for path in [*Path(expunge.__file__).parent.rglob("*.py"), *FUNCTIONS.glob("*.py")]
        if re.search(r"^\s*(import|from) random\b", path.read_text(), re.MULTILINE)
    }

    assert found == {"chance"}


def test_copies_give_their_runs_different_ids() -> None:
    first, second = restored_twice(lambda: Run().id)

    assert first != second
