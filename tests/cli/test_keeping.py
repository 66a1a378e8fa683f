"""Records that outlive `expunge serve`, however it ended, and the form by which they are told apart."""

import json
import signal
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from cli.dynamodb import create_table
from cli.form import TAG, known
from cli.main import run
from tests.cli.serving import fetch, serving

Captured = pytest.CaptureFixture[str]
KEY = {"authorization": "Bearer hb_demo_key"}
FAILED = "/v1/inbound-messages/delete-all?status=failed_permanent"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_records_survive_a_restart_however_serve_ended(tmp_path: Path, number: int) -> None:
    folder = tmp_path / "records"
    with serving("--data", str(folder)) as served:
        status, deleted = fetch("POST", served.url + FAILED, KEY)
        assert (status, deleted["data"]["deleted"]) == (200, 3)
        served.stop(number)

    with serving("--data", str(folder)) as served:
        _, again = fetch("POST", served.url + FAILED, KEY)
        assert again["data"]["deleted"] == 0
        _, restored = fetch("POST", f"{served.url}/v1/deletions/{deleted['meta']['request_id']}/restore", KEY)
        assert restored["data"]["restored"] == 3


@pytest.mark.slow
def test_records_that_cannot_be_written_are_said_to_be_in_memory_only_and_written_once_they_can_be(
    tmp_path: Path,
) -> None:
    obstacle = tmp_path / "dynamodb.json.tmp"  # in the place of a full disk
    obstacle.mkdir()
    with serving("--data", str(tmp_path)) as served:
        assert served.process.stderr is not None
        told = served.process.stderr.readline()
        obstacle.rmdir()
        again = served.process.stderr.readline()
        assert served.stop() == (0, "")
    assert told[9:] == (
        f"{tmp_path}/dynamodb.json cannot be written (Is a directory: {obstacle}). What is new is in memory"
        " only. It is tried again every 5 seconds: make room, or see to what is wrong.\n"
    )
    assert again[9:] == "All records are written again.\n"


@pytest.mark.slow
def test_whoever_stops_a_service_whose_records_could_not_be_written_is_told_that_they_are_lost(
    tmp_path: Path,
) -> None:
    obstacle = tmp_path / "dynamodb.json.tmp"
    obstacle.mkdir()
    with serving("--data", str(tmp_path)) as served:
        assert fetch("GET", f"{served.url}/health")[0] == 200  # before, signals end it without a word
        status, errors = served.stop()
    assert status == 1
    assert errors.endswith(
        f"{tmp_path}/dynamodb.json cannot be written (Is a directory: {obstacle})."
        " What changed since it last was is lost.\n"
        f"expunge: not all records are kept in {tmp_path}\n"
    )


@pytest.mark.slow
def test_records_that_cannot_be_read_are_left_alone_and_named(tmp_path: Path, capfd: Captured) -> None:
    records = tmp_path / "dynamodb.json"
    records.write_text("{")
    assert run(["serve", "--port", "0", "--dynamodb-port", "0", "--data", str(tmp_path)]) == 1
    assert capfd.readouterr().err == (
        f"expunge: {records} cannot be read (JSONDecodeError); move it away to begin with an empty table\n"
        "expunge: the embedded DynamoDB has ended\n"
    )
    assert records.read_text() == "{"


@pytest.mark.slow
def test_one_folder_is_of_one_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("cli.keeping._PATIENCE", 0)
    with serving("--data", str(tmp_path)):
        assert run(["serve", "--port", "0", "--dynamodb-port", "0", "--data", str(tmp_path)]) == 1
    sentence = f"another `expunge serve` keeps its records in {tmp_path}; stop it, or name another folder"
    assert capsys.readouterr().err == f"expunge: {sentence}\n"


def test_records_of_another_form_are_left_alone(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "form").write_text("2\n")
    assert run(["serve", "--port", "0", "--dynamodb-port", "0", "--data", str(tmp_path)]) == 1
    assert "of form 2, and this command knows form 1" in capsys.readouterr().err
    assert (tmp_path / "form").read_text() == "2\n"


def test_another_dynamodb_keeps_its_records_itself(tmp_path: Path, capsys: Captured) -> None:
    assert run(["serve", "--port", "0", "--data", str(tmp_path), "--dynamodb-url", "http://127.0.0.1:1"]) == 2
    assert "DynamoDB Local by its -dbPath" in capsys.readouterr().err


@pytest.mark.parametrize(("form", "status"), [(known(), 0), (None, 0), ("2", 1)])
def test_a_table_of_another_form_is_refused_at_the_start(
    capsys: Captured, form: str | None, status: int
) -> None:
    with mock_aws():
        client = boto3.client("dynamodb")
        create_table(client, "expunge")
        arn = client.describe_table(TableName="expunge")["Table"]["TableArn"]
        if form is not None:
            client.tag_resource(ResourceArn=arn, Tags=[{"Key": TAG, "Value": form}])
        assert run(["key", "create", "--account", "acc_1", "--dynamodb-url", "aws"]) == status
        stored = client.scan(TableName="expunge")["Items"]
    out, err = capsys.readouterr()
    if status:
        assert (out, stored) == ("", [])
        assert err.startswith("expunge: the table expunge: its records are of form 2, and this command knows")
    else:
        assert json.loads(out)["key_id"]
        assert len(stored) == 1
