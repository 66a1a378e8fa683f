"""Records that name their content: `load` takes those of one bucket, and `dump` prints them."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.dump import dump_lines
from cli.main import run
from expunge.table.records import BadLine, parse
from tests.world import ACCOUNT, INBOUND, World, at, message_id

URL = "s3://contents/in/42.json"
RULE = "content_url must be s3://<bucket>/<key> in the bucket that the service may delete from"
RECORD: dict[str, Any] = {
    "kind": "inbound_message",
    "account_id": ACCOUNT,
    "id": message_id(1),
    "inbound_endpoint_id": INBOUND,
    "status": "queued",
    "received_at": at(0),
}
NAMED = RECORD | {"content_url": URL}


@pytest.fixture
def load(world: World, tmp_path: Path) -> Any:
    del world
    file = tmp_path / "records.jsonl"

    def load(record: dict[str, Any], *options: str) -> int:
        file.write_text(json.dumps(record))
        return run(["load", str(file), "--dynamodb-url", "aws", *options])

    return load


def dumped(world: World) -> list[dict[str, Any]]:
    return [json.loads(line) for line in dump_lines(world.store.client, "expunge")]


@pytest.mark.parametrize("how", ["option", "environment"])
def test_a_record_of_the_bucket_is_loaded_and_printed_back(
    world: World, load: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "environment":
        monkeypatch.setenv("CONTENT_BUCKET", "contents")

    assert load(NAMED, *(["--content-bucket", "contents"] if how == "option" else [])) == 0
    assert dumped(world) == [NAMED]


@pytest.mark.parametrize("options", [[], ["--content-bucket", "content"], ["--content-bucket", "contents.x"]])
def test_a_record_of_another_bucket_is_refused(
    world: World, load: Any, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert load(NAMED, *options) == 2
    said = RULE + ("; nothing" if options else ", and none is set; nothing")
    assert said in capsys.readouterr().err
    assert dumped(world) == []


def test_content_comes_and_goes_with_the_record_that_is_stored_last(world: World, load: Any) -> None:
    for record in (
        RECORD | {"payload": 1},
        NAMED,
        NAMED | {"content_url": URL + "x"},
        RECORD | {"payload": 2},
        RECORD,
    ):
        assert load(record, "--content-bucket", "contents") == 0
        assert dumped(world) == [record]


def test_a_deleted_record_keeps_its_address(world: World, load: Any) -> None:
    deletion = {
        "deleted_at": at(0)[:23] + "Z",
        "deleted_by": "key_1",
        "delete_request_id": "req_1",
        "purge_at": at(0)[:23] + "Z",
    }

    assert load(NAMED | deletion, "--content-bucket", "contents") == 0
    assert dumped(world) == [NAMED | deletion]


def test_no_name_of_a_bucket_is_a_wrong_option(load: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert load(NAMED, "--content-bucket", "s3://contents") == 2
    assert "is no name of a bucket" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3://",
        "s3://contents",
        "s3://contents/",
        "S3://contents/a",
        "s3://Contents/a",
        "s3://co/a",
        "s3:/contents/a",
        "https://contents.s3.amazonaws.com/a",
        "arn:aws:s3:::contents/a",
        "s3://user@contents/a",
        "s3://contents:443/a",
        "s3://contents%2f/a",
        "s3://contents/a\nb",
        "s3://contents/a\x7f",
        "s3://contents/\ufffe",
        "s3://contents/" + "a" * 1025,
        "s3://contents/" + "é" * 513,
        " s3://contents/a",
        7,
        None,
    ],
)
def test_what_names_no_object_is_refused(url: Any) -> None:
    with pytest.raises(BadLine) as error:
        parse(json.dumps(RECORD | {"content_url": url}).encode(), "contents")
    assert str(error.value) == RULE


@pytest.mark.parametrize("key", ["a/../b", "%2e%2e/x", "/a", "a b", "é", "\U0001f600", "a" * 1024, "é" * 512])
def test_a_key_is_taken_as_it_is(key: str) -> None:
    record = parse(json.dumps(RECORD | {"content_url": f"s3://contents/{key}"}).encode(), "contents")
    assert record.content_url == f"s3://contents/{key}"  # type: ignore[attr-defined] # a message's


@pytest.mark.parametrize("payload", [1, None, {}])
def test_a_record_has_either_content_or_its_address(payload: Any) -> None:
    with pytest.raises(BadLine) as error:
        parse(json.dumps(NAMED | {"payload": payload}).encode(), "contents")
    assert str(error.value) == 'inbound_message has either "payload" or "content_url", not both'


def test_only_messages_have_content() -> None:
    endpoint = {"kind": "inbound_endpoint", "account_id": ACCOUNT, "id": INBOUND, "content_url": URL}
    with pytest.raises(BadLine, match='inbound_endpoint has no field "content_url"'):
        parse(json.dumps(endpoint).encode(), "contents")
