"""What `sam build` makes, once for all tests here, and Lambda's Python to run it with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.template import TEMPLATE
from tests.deploy.artefacts import Artefacts, read_only, runtime

ROOT = TEMPLATE.parent
LAMBDA_PYTHON = (3, 13)


@pytest.fixture(scope="session")
def sam() -> Path:
    """SAM CLI, from the environment that `make check` and `make build` make."""
    found = ROOT / ".venv-sam" / "bin" / "sam"
    if not found.exists() and "CI" not in os.environ:
        pytest.skip("SAM CLI is not installed: `make build` does it")
    return found


@pytest.fixture(scope="session")
def build(sam: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the artefacts, for x86_64."""
    if sys.version_info[:2] != LAMBDA_PYTHON:
        pytest.skip("the functions run on Python 3.13 and this is another one")
    folder = tmp_path_factory.mktemp("build")
    run_sam(sam, "build", "--build-dir", str(folder))
    return folder


@pytest.fixture(scope="session")
def artefacts(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    """Read-only copies of layer and functions, and boto3 as Lambda's runtime brings it."""
    folder = read_only(build, tmp_path_factory.mktemp("lambda"))
    return Artefacts(folder, runtime(tmp_path_factory.mktemp("runtime")))


def run_sam(sam: Path, *arguments: str, **environment: str) -> str:
    """Run SAM CLI in the project; returns what it printed, fails with it."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sam, *arguments],
        cwd=ROOT,
        env=sam_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def sam_environment(**more: str) -> dict[str, str]:
    """Ours, without what is configured for AWS, and with our own Python found first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return kept | {"PATH": path, "SAM_CLI_TELEMETRY": "0"} | more
