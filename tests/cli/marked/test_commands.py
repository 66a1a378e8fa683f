"""Commands print secrets and contents only where that is what they are for; see tests/marked/marks.py."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import delete_inbound_messages
from expunge.table import keys
from expunge.table.store import key
from tests.cli.marked.records import BAD_LINES, COMMANDS, CONTENT, RECORDS, REQUEST, bearer, file_of
from tests.marked.marks import MARKS, Heard
from tests.world import ACCOUNT, World, call, message_id


@pytest.mark.usefixtures("world")
def test_no_command_but_dump_prints_contents_and_none_prints_what_it_was_not_given(
    heard: Callable[..., Heard], tmp_path: Path
) -> None:
    good = file_of(tmp_path, [json.dumps(record) for record in RECORDS])
    heard(("load", good), ("load", good))
    request = call(delete_inbound_messages.handler, headers=bearer()).headers["x-request-id"]

    found = heard(*(tuple(request if each == REQUEST else each for each in command) for command in COMMANDS))

    assert found.leaks(MARKS) == set()
    assert {place for _, place, _ in found.unheard(MARKS)} <= {"load: stderr"}


def test_a_bad_line_is_told_without_what_it_holds(
    world: World, heard: Callable[..., Heard], tmp_path: Path
) -> None:
    del world
    for first in range(0, len(BAD_LINES), 15):
        path = file_of(tmp_path, BAD_LINES[first : first + 15])
        heard(("load", path), ("load", path, "--to-import", str(tmp_path / str(first))))
    found = heard()

    assert found.leaks(MARKS) == set()
    assert found.unheard(MARKS) == set()


def test_files_to_import_hold_what_the_table_holds(heard: Callable[..., Heard], tmp_path: Path) -> None:
    path = file_of(tmp_path, [json.dumps(record) for record in RECORDS])
    found = heard(("load", path, "--to-import", str(tmp_path / "import")))
    for part in (tmp_path / "import").iterdir():
        found.at("files to import", gzip.decompress(part.read_bytes()))

    assert found.leaks(MARKS) == set()
    assert {place for _, place, _ in found.unheard(MARKS)} <= {"load: stderr"}


def test_records_that_others_have_spoilt_are_told_without_what_they_hold(
    world: World, heard: Callable[..., Heard]
) -> None:
    text = {"S": MARKS["payload"]}
    spoilt: dict[str, Any] = {
        **{name: {"L": [text]} for name in ("kind", "id", "status", "received_at", "account_id", "payload")},
        **dict.fromkeys(("state_pk", "state_sk", MARKS["payload"]), text),
    }
    for number, (name, value) in enumerate(spoilt.items()):
        world.message(number, payload=CONTENT)
        for sk in (keys.MESSAGE, keys.CONTENT):
            spoil(world, key(keys.message("INBOUND", ACCOUNT, message_id(number)), sk), name, value)

    found = heard(("check",), ("check", "--mend"), ("deletions",), ("purge", "--dry-run"), ("hold", "list"))

    assert found.leaks(MARKS) == set()


def test_a_deletion_that_others_have_spoilt_is_told_without_what_it_holds(
    world: World, heard: Callable[..., Heard]
) -> None:
    world.customer()
    world.message(1)
    request = call(delete_inbound_messages.handler).headers["x-request-id"]
    spoil(world, key(keys.deletion(ACCOUNT, request), keys.DELETION), "progress", {"S": MARKS["payload"]})

    found = heard(("deletions",), ("deletions", request), ("restore", request))

    assert all("builtins.ValueError" in said for said in found.texts["deletions: stderr"])
    assert found.leaks(MARKS) == set()


def spoil(world: World, place: Any, name: str, value: Any) -> None:
    world.store.client.update_item(
        TableName=world.store.table,
        Key=place,
        UpdateExpression="SET #name = :spoilt",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":spoilt": value},
    )
