"""The wheel is whole: the command works from it alone, away from the checkout."""

import json
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from cli import demo

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
RECORD = {"kind": "pull_endpoint", "account_id": "acc_1", "id": "01961e00-0000-7000-8000-000000000009"}


def run(*command: str | Path, cwd: Path) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def expunge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment that has the wheel, and what it depends on from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT, cwd=folder)
    [wheel] = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    [packages] = folder.glob("venv/lib/python*/site-packages")
    # Path files in there are not read, so that this environment's link to the checkout stays out.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    where = run(
        python, "-c", "import cli.main, expunge; print(cli.main.__file__, expunge.__file__)", cwd=folder
    )
    assert all(Path(path).is_relative_to(packages) for path in where.split())
    return python.parent / "expunge"


@pytest.fixture(scope="module")
def served(expunge: Path) -> Iterator[tuple[str, str]]:
    """Where the API and the embedded DynamoDB of a running `expunge serve` are."""
    command = [str(expunge), "serve", "--port", "0", "--dynamodb-port", "0"]
    with subprocess.Popen(command, cwd=expunge.parent, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        try:
            assert process.stdout is not None
            said = ""
            while "expunge listening on" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            urls = [
                re.search(rf"{what} on (\S+)", said) for what in ("expunge listening", "DynamoDB listens")
            ]
            assert urls[0] is not None
            assert urls[1] is not None
            yield urls[0][1], urls[1][1]
        finally:
            process.terminate()
    assert process.returncode == 0


def test_it_says_its_version(expunge: Path) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert run(expunge, "--version", cwd=expunge.parent) == f"expunge {version}\n"


def test_it_serves_the_demo(served: tuple[str, str]) -> None:
    api, _ = served
    with urlopen(f"{api}/health") as reply:  # noqa: S310 - our own
        assert reply.status == 200
    request = Request(  # noqa: S310 - our own
        f"{api}/v1/inbound-messages/delete-all?limit=1",
        headers={"authorization": f"Bearer {demo.API_KEY}"},
        method="POST",
    )
    with urlopen(request) as reply:  # noqa: S310 - our own
        assert json.load(reply)["data"]["deleted"] == 1


def test_it_loads_dumps_and_purges(served: tuple[str, str], expunge: Path, tmp_path: Path) -> None:
    _, dynamodb = served
    file = tmp_path / "records.jsonl"
    file.write_text(json.dumps(RECORD))
    to = ("--dynamodb-url", dynamodb)

    assert run(expunge, "load", file, *to, cwd=tmp_path) == "loaded 1 record: 1 pull_endpoint\n"
    settings = [
        json.loads(line) for line in run(expunge, "dump", "--settings", *to, cwd=tmp_path).splitlines()
    ]
    assert RECORD in settings
    assert json.loads(run(expunge, "purge", *to, cwd=tmp_path))["purged"] == 0


LIBRARY = """
import boto3, sys
from expunge.messages import AlreadyDeleted, Messages
client = boto3.client("dynamodb", endpoint_url=sys.argv[1], region_name="us-east-1",
                      aws_access_key_id="expunge", aws_secret_access_key="expunge")
messages = Messages("expunge", client)
one = {"sub_key": "sub-c-1", "channel": "ch1", "timetoken": "1"}
print(messages.put({"kind": "channel_message", **one, "payload": "hi"}))
print(messages.get("channel_message", **one)["payload"], len(list(messages.live("channel_message",
      sub_key="sub-c-1", channel="ch1"))), messages.is_deleted("channel_message", **one))
"""


def test_its_library_works_in_any_program(served: tuple[str, str], expunge: Path, tmp_path: Path) -> None:
    _, dynamodb = served
    assert run(expunge.with_name("python"), "-c", LIBRARY, dynamodb, cwd=tmp_path) == "True\nhi 1 False\n"
