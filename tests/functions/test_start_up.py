"""What a function imports when it starts is paid for by every cold start."""

import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"

OF_LINKED_ACCOUNTS = ("expunge.linked", "expunge.problems", "aws_lambda_powertools.utilities.parameters")


def imported(module: str) -> set[str]:
    """Names of all modules in a fresh process that has imported one."""
    script = f"import sys; sys.path.insert(0, {str(FUNCTIONS)!r}); import {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return set(done.stdout.split())


@pytest.mark.parametrize("module", sorted(path.stem for path in FUNCTIONS.glob("*.py")))
def test_only_the_function_that_deletes_them_imports_what_is_about_linked_accounts(module: str) -> None:
    found = {name for name in OF_LINKED_ACCOUNTS if name in imported(module)}

    assert found == (set(OF_LINKED_ACCOUNTS) if module == "delete_message" else set())
