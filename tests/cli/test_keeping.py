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
