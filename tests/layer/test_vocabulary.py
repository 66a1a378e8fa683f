"""A word of the vocabulary is said once: what is added there is known everywhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import expunge

ROOT = Path(__file__).parents[2]

DELETE_ALL = """

import tests.conftest
import boto3
from moto import mock_aws
from cli.dynamodb import create_table
from expunge.table.store import Store
from tests.world import PULL, World, call
import delete_inbound_messages, delete_outbound_messages, delete_pull_events

with mock_aws():
    client = boto3.client("dynamodb")
    create_table(client, "expunge")
    world = World(Store(client, "expunge"))
    world.api_key()
    world.inbound_endpoint()
    world.outbound_endpoint()
    world.pull_endpoint()
    for number, query in enumerate(("", "status=archived")):
        world.message(number, status="archived")
        world.outbound_message(number, status="archived")
        world.event(number, status="archived")
        inbound = call(delete_inbound_messages.handler, query=query)
        outbound = call(delete_outbound_messages.handler, query=query)
        pull = call(delete_pull_events.handler, query=query, path={"id": PULL})
        print(inbound.data["deleted"], outbound.data["deleted"], pull.data["deleted"])
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A copy of the layer's package with a status more in each family."""
    package = tmp_path / "expunge"
    shutil.copytree(Path(expunge.__file__).parent, package)
    vocabulary = package / "vocabulary.py"
    text = vocabulary.read_text()
    for last in ('"failed_permanent"', '"delivered"'):
        assert text.count(last) == 1
        text = text.replace(last, f'{last}, "archived"')
    vocabulary.write_text(text)
    return tmp_path


@pytest.mark.slow
def test_a_status_that_is_added_to_it_is_loaded_and_found(elsewhere: Path) -> None:
    path = os.pathsep.join(map(str, (elsewhere, ROOT, ROOT / "functions")))
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", DELETE_ALL],
        env={**os.environ, "PYTHONPATH": path, "POWERTOOLS_METRICS_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["1"] * 6
