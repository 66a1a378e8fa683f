"""What is loaded: which items become of each kind of record, from which files, and what the command says."""

import io
import json
import os
import sys
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any

import click
import pytest
from botocore.exceptions import ClientError

from cli import load as load_module
from cli.lines import BadInput
from cli.main import run
from cli.template import TEMPLATE
from expunge import timestamps
from expunge.table import keys
from expunge.table.items import items, key_id
from expunge.table.records import KINDS
from tests.cli.loading import (
    AWS,
    DELETION,
    ENDPOINT,
    Files,
    counts,
    identity,
    inbound,
    load,
    pk,
    pull,
    soft_delete,
    table,
)
from tests.world import World


def test_a_message_becomes_metadata_with_its_place_in_the_index_and_content(
    world: World, file: Files
) -> None:
    result = load(world, file(inbound(1, payload={"é": None})))
    assert counts(result) == ({"inbound_message": 1}, 0, 0)
    assert table(world) == {
        (f"INBOUND#acc_1#{identity(1)}", "MESSAGE"): {
            "kind": "inbound_message",
            "account_id": "acc_1",
            "id": identity(1),
            "endpoint_id": ENDPOINT,
            "status": "queued",
            "received_at": "2026-04-05T16:23:11.5+02:00",
            "state_pk": f"LIVE#INBOUND#acc_1#{ENDPOINT}#queued",
            "state_sk": f"2026-04-05T14:23:11.500000Z#{identity(1)}",
            "group_pk": "LIVE#INBOUND#acc_1#queued#1",
        },
        (f"INBOUND#acc_1#{identity(1)}", "CONTENT"): {"payload": {"é": None}},
    }


def test_an_event_is_found_by_its_type_too(world: World, file: Files) -> None:
    load(world, file(pull(1)))
    assert table(world) == {
        (f"PULL#acc_1#{ENDPOINT}#{identity(1)}", "MESSAGE"): {
            "kind": "pull_event",
            "account_id": "acc_1",
            "id": identity(1),
            "endpoint_id": ENDPOINT,
            "event_type": "order.created",
            "status": "stored",
            "received_at": "2026-04-05T14:23:11Z",
            "state_pk": f"LIVE#PULL#acc_1#{ENDPOINT}#stored",
            "state_sk": f"2026-04-05T14:23:11.000000Z#{identity(1)}",
            "group_pk": f"LIVE#PULL#acc_1#{ENDPOINT}#stored#order.created",
        }
    }


def test_a_deleted_event_goes_to_the_bin(world: World, file: Files) -> None:
    load(world, file(pull(1, **DELETION | {"purge_at": "2026-05-31T02:00:00.0009+02:00"})))
    event_pk = keys.pull_event("acc_1", ENDPOINT, identity(1))
    assert table(world) == {
        (event_pk, "MESSAGE"): {
            "kind": "pull_event",
            "account_id": "acc_1",
            "id": identity(1),
            "endpoint_id": ENDPOINT,
            "event_type": "order.created",
            "status": "stored",
            "received_at": "2026-04-05T14:23:11Z",
            **DELETION,
            "state_pk": keys.bin_shard(event_pk),
            "state_sk": f"2026-05-31T00:00:00.000Z#{event_pk}",
        }
    }


def test_of_an_api_key_only_digests_are_stored(world: World, file: Files) -> None:
    some = {"scopes": ["pull:delete"], "expires_at": "2027-01-01T01:00:00+01:00"}
    load(
        world,
        file(
            {"kind": "api_key", "key": "hb_1", "account_id": "acc_1"} | some,
            {"kind": "api_key", "key": "hb_2", "account_id": "acc_1"},
            {"kind": "api_key", "key": "hb_3", "account_id": "acc_1", "scopes": []},
        ),
    )
    pks = {n: f"API_KEY#{sha256(f'hb_{n}'.encode()).hexdigest()}" for n in (1, 2, 3)}

    def common(key: str) -> dict[str, str]:
        listed = {"state_pk": "API_KEYS", "group_pk": "API_KEYS#acc_1", "state_sk": key_id(key)}
        return {"account_id": "acc_1", "key_id": key_id(key), **listed}

    stored = table(world)
    for item in stored.values():
        assert timestamps.parse(item.pop("created_at")) <= timestamps.now()
    assert stored == {
        (pks[1], "API_KEY"): {
            **common("hb_1"),
            "scopes": [{"S": "pull:delete"}],
            "expires_at": "2027-01-01T00:00:00.000000Z",
        },
        (pks[2], "API_KEY"): common("hb_2"),
        (pks[3], "API_KEY"): {**common("hb_3"), "scopes": []},
    }
    assert key_id("hb_1") == "key_" + sha256(b"expunge key id\0hb_1").hexdigest()[:20]


def test_endpoints_are_kept_under_their_account(world: World, file: Files) -> None:
    endpoint = {"account_id": "acc_1", "id": ENDPOINT}
    load(
        world,
        file(
            {"kind": "inbound_endpoint", "name": "Stripe", **endpoint}, {"kind": "pull_endpoint", **endpoint}
        ),
    )
    assert table(world) == {
        ("ACCOUNT#acc_1", f"INBOUND_ENDPOINT#{ENDPOINT}"): {"name": "Stripe"},
        ("ACCOUNT#acc_1", f"PULL_ENDPOINT#{ENDPOINT}"): {},
    }


def test_every_kind_has_its_items() -> None:
    assert {type_ for type_ in items.registry if type_ is not object} == set(KINDS.values())


def test_a_bad_last_line_of_the_last_file_leaves_the_table_empty(world: World, file: Files) -> None:
    good, bad = file(inbound(1), inbound(2), name="good"), file(inbound(3), inbound(4, status=""), name="bad")
    with pytest.raises(BadInput) as caught:
        load(world, good, bad)
    rule = "status must be queued, delivering, succeeded, pending_retry or failed_permanent"
    place = (json.dumps(inbound(4, status="")).index('"status"')) + 1
    assert str(caught.value) == f"{bad}:2:{place}: {rule}; nothing was written"
    assert table(world) == {}


def test_blank_lines_byte_order_marks_and_carriage_returns_do_no_harm(world: World, tmp_path: Path) -> None:
    path = tmp_path / "windows.jsonl"
    lines = ["", json.dumps(inbound(1)), "  \t", json.dumps(inbound(2))]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert load(world, path).records == 2
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines, "x"]).encode())
    with pytest.raises(BadInput, match=r"windows\.jsonl:5:1: the line is not JSON; nothing was written$"):
        load(world, path)


def test_no_records_are_fine(world: World, file: Files) -> None:
    assert str(load(world, file())) == "loaded 0 records"


def test_a_pipe_can_be_loaded(world: World, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = Thread(target=path.write_bytes, args=(json.dumps(inbound(1)).encode(),))
    writer.start()
    assert load(world, path).records == 1
    writer.join()
    assert set(table(world)) == {(pk(1), "MESSAGE")}


def test_the_demo_records_are_good(world: World) -> None:
    demo = TEMPLATE.parent / "events" / "demo.jsonl"
    kinds = {"api_key": 1, "inbound_endpoint": 1, "inbound_message": 10, "pull_endpoint": 1, "pull_event": 10}
    assert load(world, demo).kinds.items() >= kinds.items()
    statuses = {line.get("status") for line in map(json.loads, demo.read_text(encoding="utf-8").splitlines())}
    assert {"queued", "delivering", "succeeded", "pending_retry", "failed_permanent"} <= statuses
    assert {"stored", "fetched", "delivered"} <= statuses


def test_the_command_says_what_it_loaded(
    world: World, file: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file(inbound(1), pull(2), inbound(3), {"kind": "api_key", "key": "hb_1", "account_id": "acc_1"})
    world.inbound_endpoint(ENDPOINT)
    world.pull_endpoint(ENDPOINT)
    assert run(["load", *AWS, str(path)]) == 0
    soft_delete(world, 1)
    assert run(["load", *AWS, str(path)]) == 0
    kinds = "loaded 4 records: 1 api_key, 2 inbound_message, 1 pull_event"
    assert capsys.readouterr() == (f"{kinds}\n{kinds}; 1 already deleted, left as they are\n", "")


def test_the_command_reads_standard_input(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.inbound_endpoint(ENDPOINT)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(inbound(1)).encode())))
    assert run(["load", *AWS, "-"]) == 0
    assert capsys.readouterr().out == "loaded 1 record: 1 inbound_message\n"
    assert (pk(1), "MESSAGE") in table(world)


@pytest.mark.usefixtures("world")
def test_wrong_use_is_exit_status_2_and_one_sentence(
    file: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = file({"kind": "api_key", "key": "hb secret", "account_id": "acc_1"})
    for arguments, sentence in (
        (
            [str(key)],
            (
                f"{key}:1:21: key must be 1 to 256 printable ASCII characters without blanks;"
                " nothing was written"
            ),
        ),
        ([str(tmp_path)], f"{tmp_path} cannot be read: Is a directory"),
        ([str(tmp_path / "no")], f"{tmp_path / 'no'} cannot be read: No such file or directory"),
    ):
        assert run(["load", *AWS, *arguments]) == 2
        assert capsys.readouterr() == ("", f"expunge: {sentence}\n")
    assert run(["load", *AWS]) == 2


@pytest.mark.usefixtures("world")
@pytest.mark.usefixtures("world")
def test_a_table_that_is_not_there_is_exit_status_1(file: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["load", *AWS, "--table", "other", str(file(inbound(1)))]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_table_that_takes_no_writes_is_given_up_with_a_sentence(
    world: World, file: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is not loaded in part without a word."""
    path = file(inbound(1))
    sent: list[Any] = []

    def refuse(**arguments: Any) -> None:
        sent.append(arguments)
        response: Any = {
            "Error": {"Code": "ThrottlingException"},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }
        raise ClientError(response, "TransactWriteItems")

    monkeypatch.setattr(world.store.client, "transact_write_items", refuse)
    monkeypatch.setattr(load_module, "_PATIENCE", 0.5)
    with pytest.raises(click.ClickException) as caught:
        load(world, path)
    assert caught.value.exit_code == 1
    assert (
        caught.value.message
        == "the table takes no writes at the moment; what is written stays, and the same command continues"
    )
    assert len(sent) > 1
