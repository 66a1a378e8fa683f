import gzip
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli import importing
from cli.load import load_files, write_import
from cli.main import run
from expunge import timestamps
from expunge.table.store import key
from tests.world import ACCOUNT, INBOUND, LINKED, PULL, SUB_KEY, World, at, message_id

DELETION = {
    "deleted_at": "2026-05-01T00:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2026-05-31T00:00:00.000Z",
}
RESTORE = {"restored_at": "2026-05-02T00:00:00.000Z", "restored_by": "key_1"}
Record = dict[str, Any]


def inbound(number: int, **fields: Any) -> Record:
    record = {"kind": "inbound_message", "account_id": ACCOUNT, "id": message_id(number)}
    record |= {"inbound_endpoint_id": INBOUND, "status": "queued", "received_at": at(number)}
    return record | fields


def channel(timetoken: int, **fields: Any) -> Record:
    record = {"kind": "channel_message", "sub_key": SUB_KEY, "channel": "ch1", "timetoken": str(timetoken)}
    return record | fields


KEY = {"kind": "api_key", "key": "hb_1", "account_id": ACCOUNT}
KEYSET: Record = {"kind": "keyset", "sub_key": SUB_KEY, "pub_key": "p", "secret_key": "sec-c-very-secret"}
KEYSET |= {"access_manager": True, "delete_from_history": True}
GRANT = {"kind": "auth_grant", "sub_key": SUB_KEY, "auth_key": "auth-key", "channels": ["ch1", "ch2"]}
RECORDS: list[Record] = [
    KEY,
    KEY | {"label": "nightly", "scopes": ["inbound:delete"], "expires_at": "2030-01-01T00:00:00Z"},
    {"kind": "inbound_endpoint", "account_id": ACCOUNT, "id": INBOUND, "name": "Stripe"},
    {"kind": "pull_endpoint", "account_id": ACCOUNT, "id": PULL},
    {"kind": "linked_account", "account_id": ACCOUNT, "id": "la_1", "provider": "LINKEDIN"},
    KEYSET,
    GRANT | {"permissions": ["delete"]},
    GRANT | {"permissions": [], "channels": ["ch2"]},
    inbound(1, payload={"a": "é"}),
    inbound(1),
    inbound(1, version=1, payload=1),
    inbound(1, version=2, status="succeeded"),
    inbound(1, **DELETION),
    inbound(1, **RESTORE),
    inbound(2, payload=None),
    {
        "kind": "pull_event",
        "account_id": ACCOUNT,
        "id": message_id(3),
        "pull_endpoint_id": PULL,
        "event_type": "order",
        "status": "stored",
        "received_at": at(3),
        "payload": "p",
    },
    {
        "kind": "linked_message",
        "account_id": ACCOUNT,
        "id": LINKED,
        "linked_account_id": "la_1",
        "provider_message_id": "wamid.1",
        "sent_at": at(0),
        "payload": {"text": "t"},
    },
    channel(17000000000000000, payload={"text": "hi"}),
    channel(17000000000000000, **DELETION),
]


def file(tmp_path: Path, *records: Record) -> Path:
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def written(folder: Path) -> list[Any]:
    """The items in the files, sorted by key, as DynamoDB reads them."""
    lines = [line for path in folder.iterdir() for line in gzip.decompress(path.read_bytes()).splitlines()]
    items = [json.loads(line)["Item"] for line in lines]
    for item in items:
        if "payload" in item:
            item["payload"]["B"] = b64decode(item["payload"]["B"])
    return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def loaded(world: World, path: Path) -> list[Any]:
    """The items that a table without any has after a load; then it has none again."""
    load_files(world.store.client, world.store.table, [path])
    items: Any = world.store.client.scan(TableName=world.store.table)["Items"]
    for item in items:
        world.store.client.delete_item(TableName=world.store.table, Key=key(item["pk"]["S"], item["sk"]["S"]))
    return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(st.sampled_from(RECORDS), max_size=14))
def test_the_files_hold_item_by_item_what_load_would_end_with(
    world: World, tmp_path_factory: pytest.TempPathFactory, records: list[Record]
) -> None:
    folder = tmp_path_factory.mktemp("import")
    path = file(folder, *records)
    now = timestamps.now()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timestamps, "now", lambda: now)
        result = write_import(folder / "files", [path])
        assert written(folder / "files") == loaded(world, path)
    assert result.records == len(records)


def test_every_kind_comes_as_load_stores_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timestamps.now()
    monkeypatch.setattr(timestamps, "now", lambda: now)
    path = file(tmp_path, *RECORDS)
    write_import(tmp_path / "files", [path])

    items = written(tmp_path / "files")
    assert items == loaded(world, path)
    text = json.dumps(items, default=repr)
    assert "hb_1" not in text
    assert '"auth-key"' not in text
    assert len({(item["pk"]["S"], item["sk"]["S"]) for item in items}) == len(items)


def test_files_are_bounded_and_parts_are_spread_until_they_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "FILE_BYTES", 10_000)
    monkeypatch.setattr(importing, "PART_BYTES", 1_000)
    monkeypatch.setattr(importing, "_FAN_OUT", 2)
    twice = [inbound(number % 100, status=("queued", "succeeded")[number // 100]) for number in range(200)]
    write_import(tmp_path / "files", [file(tmp_path, *twice)])

    files = sorted((tmp_path / "files").iterdir())
    assert [path.name for path in files[:2]] == ["00000.json.gz", "00001.json.gz"]
    assert max(len(gzip.decompress(path.read_bytes())) for path in files) < 11_000
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    items = written(tmp_path / "files")
    assert len(items) == 100
    assert {item["status"]["S"] for item in items} == {"succeeded"}


def test_a_record_that_comes_very_often_is_in_the_files_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "PART_BYTES", 100)
    write_import(tmp_path / "files", [file(tmp_path, *[inbound(1)] * 50)])
    assert len(written(tmp_path / "files")) == 1


def test_the_command_says_what_it_wrote_and_what_is_lacking(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file(tmp_path, inbound(1), inbound(1), channel(17000000000000000), KEYSET)
    assert run(["load", str(path), "--to-import", str(tmp_path / "files")]) == 0
    out, err = capsys.readouterr()
    assert out == "wrote 3 items of 4 records: 1 channel_message, 2 inbound_message, 1 keyset\n"
    assert err == (
        "expunge: messages that belong to what is not in the files: 2;"
        f" load the records of inbound_endpoint {INBOUND} of {ACCOUNT}\n"
    )


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = file(tmp_path, inbound(1))
    assert run(["load", str(path), "--to-import", str(tmp_path)]) == 2
    assert "is not empty: DynamoDB would import what is there as well." in capsys.readouterr().err


def test_a_bad_line_leaves_the_folder_empty(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(inbound(1)) + "\n{}\n")
    assert run(["load", str(path), "--to-import", str(tmp_path / "files")]) == 2
    assert list((tmp_path / "files").iterdir()) == []
