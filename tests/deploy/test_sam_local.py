"""`sam local` in containers, against a running `expunge serve`, by the settings of samconfig.toml."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from cli import demo
from tests.deploy.conftest import ROOT, sam_environment
from tests.deploy.template import EVENTS, lambda_functions

pytestmark = pytest.mark.engine

IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"
SUBNET = "{{(index .IPAM.Config 0).Subnet}}"
_SECONDS = 120


@pytest.fixture(scope="module")
def bridge() -> str:
    """The address under which containers find this machine."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:  # noqa: S603
        pytest.skip("no Docker engine answers, and `sam local` needs one")
    inspect = [docker, "network", "inspect", "bridge", "--format", SUBNET]
    subnet = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    return str(next(ip_network(subnet).hosts()))


@pytest.fixture(scope="module")
def environment_file(bridge: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project's own, with the ports of an `expunge serve` that is there for these tests."""
    command = [sys.executable, "-c", "from cli.main import main; main()", "serve"]
    options = ["--host", bridge, "--port", "0", "--dynamodb-port", "0"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            greeting = []
            while not (line := process.stdout.readline()).startswith("expunge listening on "):
                assert line, "expunge serve ended"
                greeting.append(line)
            dynamodb = next(line for line in greeting if line.startswith("DynamoDB listens on "))
            ports = {"3000": line.strip().rpartition(":")[2], "8000": dynamodb.split()[3].rpartition(":")[2]}
            variables = (EVENTS / "environment.json").read_text()
            for usual, actual in ports.items():
                variables = variables.replace(f":{usual}", f":{actual}")
            own = tmp_path_factory.mktemp("environment") / "environment.json"
            own.write_text(variables)
            yield own
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def options(build: Path, environment_file: Path) -> list[str]:
    """What differs from the project's own settings: where the build and `expunge serve` are."""
    config = ["--config-file", str(ROOT / "samconfig.toml")]
    return [
        *config,
        "--template",
        str(build / "template.yaml"),
        "--env-vars",
        str(environment_file),
        *_image(),
    ]


def _image() -> list[str]:
    """Where no registry can be reached, a stand-in image is there already, and must not be pulled."""
    inspect = ["docker", "image", "inspect", IMAGE]
    there = subprocess.run(inspect, capture_output=True, check=False).returncode == 0  # noqa: S603 - fixed
    return ["--skip-pull-image"] if there else []


@pytest.mark.parametrize(("function", "module"), lambda_functions().items(), ids=lambda_functions())
def test_sam_local_invoke_answers_the_event_file(
    function: str, module: str, sam: Path, options: list[str]
) -> None:
    event = EVENTS / f"{module}.json"
    done = subprocess.run(  # noqa: S603 - our own command
        [sam, "local", "invoke", function, "--event", str(event), *options],
        cwd=ROOT,
        env=sam_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    if function == "PurgeFunction":
        assert answer == {"purged": 0, "resumed": 0, "remaining": False}
    elif function == "PublishDeletionsFunction":
        assert answer == {"batchItemFailures": []}
    elif function == "WorkFunction":
        assert answer == {"task": "dropped"}
    elif function == "StoreRecordsFunction":
        assert answer == {"batchItemFailures": [], "stored": 2, "rejected": []}
    else:
        # The events about a deletion name one that is not there.
        about_one = "/v1/deletions/{request_id}" in event.read_text()
        assert answer["statusCode"] == (404 if about_one else 200), answer


@contextmanager
def started(sam: Path, options: list[str]) -> Iterator[str]:
    """`sam local start-api`; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(sam), "local", "start-api", "--port", str(port), *options]
    with subprocess.Popen(command, cwd=ROOT, env=sam_environment(), stderr=subprocess.PIPE) as process:  # noqa: S603
        url = f"http://127.0.0.1:{port}"
        try:
            _wait(url, process)
            yield url
        finally:
            process.terminate()
            process.communicate()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            urlopen(url)  # noqa: S310 - loopback
        except HTTPError:
            return
        except URLError:
            time.sleep(0.2)
    pytest.fail("sam local start-api does not answer")


def _send(method: str, url: str) -> tuple[int, Any]:
    request = Request(url, method=method, headers={"authorization": f"Bearer {demo.API_KEY}"})  # noqa: S310
    with urlopen(request) as answer:  # noqa: S310 - loopback
        return answer.status, json.load(answer)


def test_sam_local_start_api_serves_the_routes(sam: Path, options: list[str]) -> None:
    with started(sam, options) as url:
        status, body = _send("POST", f"{url}/v1/inbound-messages/delete-all?status=queued")
        again = _send("POST", f"{url}/v1/inbound-messages/delete-all?status=queued")
    assert (status, body["data"]["deleted"]) == (200, 2)
    assert again[1]["data"] == {"deleted": 0, "deleted_message_ids": []}
