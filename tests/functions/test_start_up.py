"""What a function imports when it starts is paid for by every cold start."""

import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"

OF_LINKED_ACCOUNTS = {"expunge.linked", "expunge.problems", "aws_lambda_powertools.utilities.parameters"}
OF_MODELS = {"pydantic"}
WITH_MODELS = {"delete_inbound_messages", "delete_outbound_messages", "delete_pull_events", "store_records"}
"""Functions that read filters or records, which is what pydantic is for in the layer."""


def imported(module: str, then: str = "pass") -> set[str]:
    """Names of all modules in a fresh process that has imported one, and done something with it."""
    script = (
        f"import sys; sys.path.insert(0, {str(FUNCTIONS)!r}); import {module}; {then}; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, f"{module} cannot be imported: {done.stderr.splitlines()[-1]}"
    return set(done.stdout.split())


@pytest.mark.parametrize("module", sorted(path.stem for path in FUNCTIONS.glob("*.py")))
def test_a_function_imports_only_what_it_needs(module: str) -> None:
    found = imported(module)

    assert OF_LINKED_ACCOUNTS & found == set(), f"{module} imports what only linked accounts need"
    if module in WITH_MODELS:
        assert found >= OF_MODELS, f"{module} reads neither filters nor records: take it out of WITH_MODELS"
    else:
        assert OF_MODELS & found == set(), (
            f"{module} imports pydantic, which costs a cold start 100 ms; if it reads filters or records, add"
            " it to WITH_MODELS"
        )


def test_the_function_of_two_families_imports_the_one_that_is_asked_for() -> None:
    linked = imported("delete_message", "delete_message._linked()")
    outbound = imported("delete_message", "delete_message._outbound()")

    assert linked >= OF_LINKED_ACCOUNTS
    assert OF_LINKED_ACCOUNTS & outbound == set()
    assert "expunge.webhooks" in outbound - linked


def collected_after(module: str) -> int:
    """How many new objects a fresh process has that imported it, before the collector looks at them."""
    path = f"import sys; sys.path.insert(0, {str(FUNCTIONS)!r})"
    script = f"{path}; import {module}, gc; print(gc.get_threshold()[0])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return int(done.stdout)


@pytest.mark.parametrize("module", sorted(path.stem for path in FUNCTIONS.glob("*.py")))
def test_a_function_starts_without_collecting_garbage(module: str) -> None:
    assert collected_after(module) == 100_000


def test_whoever_imports_the_package_keeps_his_own_collector() -> None:
    assert collected_after("expunge, expunge.table.items, expunge.table.store") == collected_after("sys")
