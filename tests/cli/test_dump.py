import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.dump import dump_lines
from cli.dynamodb import create_table
from cli.load import load_files
from cli.main import run
from cli.settings import OWNED
from expunge.table.items import Item, key_id
from expunge.table.items import items as stored
from expunge.table.records import KINDS, MESSAGE_KINDS, parse
from expunge.vocabulary import MAX_PAYLOAD
from tests.world import World

ENDPOINT = "01961e00-0000-7000-8000-000000000001"
LIVE = (
    '{"kind":"inbound_message","account_id":"acc_1","id":"01961e00-0000-7000-8000-000000000101",'
    f'"inbound_endpoint_id":"{ENDPOINT}","status":"queued",'
    '"received_at":"2026-04-05T16:23:11.123456789+02:00","payload":{"b":[1.5,"é\\ud800\\n"],"a":null}}'
)
WITHOUT_PAYLOAD = (
    '{"kind":"inbound_message","account_id":"acc_1","id":"01961e00-0000-7000-8000-000000000102",'
    f'"inbound_endpoint_id":"{ENDPOINT}","status":"succeeded","received_at":"2026-04-05T14:23:11Z"}}'
)
NULL = (
    '{"kind":"pull_event","account_id":"acc_1","id":"01961e00-0000-7000-8000-000000000201",'
    f'"pull_endpoint_id":"{ENDPOINT}","event_type":"order \\"€\\"","status":"stored",'
    '"received_at":"2026-04-05T14:23:11Z","payload":null}'
)
DELETED = (
    '{"kind":"pull_event","account_id":"acc_1","id":"01961e00-0000-7000-8000-000000000202",'
    f'"pull_endpoint_id":"{ENDPOINT}","event_type":"x","status":"fetched",'
    '"received_at":"2026-04-05T14:23:11Z","payload":"p","deleted_at":"2026-05-01T00:00:00.001Z",'
    '"deleted_by":"key_1","delete_request_id":"req_1","purge_at":"2026-05-31T00:00:00.001Z"}'
)
OTHERS = (
    '{"kind":"api_key","key":"hb_1","account_id":"acc_1"}',
    f'{{"kind":"inbound_endpoint","account_id":"acc_1","id":"{ENDPOINT}"}}',
    f'{{"kind":"pull_endpoint","account_id":"acc_1","id":"{ENDPOINT}"}}',
)
MESSAGES = {LIVE, WITHOUT_PAYLOAD, NULL, DELETED}


@pytest.fixture
def loaded(world: World, tmp_path: Path) -> World:
    path = tmp_path / "records.jsonl"
    path.write_text("\n".join([*OTHERS, *MESSAGES]), encoding="utf-8")
    load_files(world.store.client, world.store.table, [path])
    return world


def test_records_that_cannot_be_read_are_left_out_and_counted(
    loaded: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other writers may leave such; `check` says what is wrong with each."""
    for number, item in enumerate(sorted(loaded.items(), key=lambda item: item["pk"])[:2]):
        spoilt = {"kind": {"S": "postcard"}} if number else {"payload": {"B": b"no zlib"}}
        sk = "MESSAGE" if number else "CONTENT"
        loaded.store.client.put_item(
            TableName=loaded.store.table, Item={"pk": {"S": item["pk"]}, "sk": {"S": sk}, **spoilt}
        )

    assert run(["dump", "--dynamodb-url", "aws"]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert set(out.splitlines()) < MESSAGES
    assert err == "expunge: 2 records left out that cannot be read; `expunge check` names them.\n"


@pytest.mark.parametrize(
    "text", [b"no JSON", b"", b'"p","status":"forged"', b"NaN", b'"' + 2**20 * b"x" + b'"']
)
def test_content_that_is_no_payload_is_left_out_and_found_by_check(
    loaded: World, capsys: pytest.CaptureFixture[str], text: bytes
) -> None:
    put_content(loaded, text)

    assert run(["dump", "--dynamodb-url", "aws", "--kind", "pull_event", "--state", "deleted"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.partition(";")[0]) == ("", "expunge: 1 record left out that cannot be read")
    assert run(["check", "--dynamodb-url", "aws"]) == 1
    assert "content that cannot be read" in capsys.readouterr().out


def test_content_that_another_writer_has_spread_over_lines_is_printed_on_one(
    loaded: World, capsys: pytest.CaptureFixture[str]
) -> None:
    put_content(loaded, b'\n"p"\r\n')

    assert printed(capsys, "--state", "deleted") == {DELETED}


def put_content(world: World, text: bytes) -> None:
    """Give the deleted message content as another writer might."""
    pk = f"PULL#acc_1#{ENDPOINT}#01961e00-0000-7000-8000-000000000202"
    item: Any = {"pk": {"S": pk}, "sk": {"S": "CONTENT"}, "payload": {"B": zlib.compress(text)}}
    world.store.client.put_item(TableName=world.store.table, Item=item)


def printed(capsys: pytest.CaptureFixture[str], *options: str) -> set[str]:
    assert run(["dump", "--dynamodb-url", "aws", *options]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert len(lines) == len(set(lines))
    return set(lines)


@pytest.mark.usefixtures("loaded")
def test_messages_are_printed_as_they_were_loaded_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert printed(capsys) == MESSAGES


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (["--state", "all"], MESSAGES),
        (["--state", "live"], MESSAGES - {DELETED}),
        (["--state", "deleted"], {DELETED}),
        (["--kind", "inbound_message"], {LIVE, WITHOUT_PAYLOAD}),
        (["--kind", "pull_event", "--state", "live"], {NULL}),
        (["--kind", "inbound_message", "--state", "deleted"], set()),
    ],
)
def test_kind_and_state_choose(
    capsys: pytest.CaptureFixture[str], options: list[str], lines: set[str]
) -> None:
    assert printed(capsys, *options) == lines


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("options", [["--kind", "api_key"], ["--state", "gone"], ["--colour", "red"]])
def test_wrong_use_is_exit_status_2(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    assert run(["dump", "--dynamodb-url", "aws", *options]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_erased_content_is_left_out(loaded: World, capsys: pytest.CaptureFixture[str]) -> None:
    pk = f"PULL#acc_1#{ENDPOINT}#01961e00-0000-7000-8000-000000000202"
    loaded.store.client.delete_item(
        TableName=loaded.store.table, Key={"pk": {"S": pk}, "sk": {"S": "CONTENT"}}
    )
    assert printed(capsys, "--state", "deleted") == {DELETED.replace('"payload":"p",', "")}


def test_a_dump_loaded_elsewhere_is_a_faithful_copy(loaded: World, tmp_path: Path) -> None:
    client = loaded.store.client
    large = {"a": "é" * (MAX_PAYLOAD // 2 - 20)}
    extra = tmp_path / "large.jsonl"
    extra.write_text(
        json.dumps(json.loads(WITHOUT_PAYLOAD) | {"account_id": "acc_2", "payload": large}), encoding="utf-8"
    )
    load_files(client, loaded.store.table, [extra])
    lines = set(dump_lines(client, loaded.store.table))
    dumped = tmp_path / "dump.jsonl"
    dumped.write_bytes(b"".join(lines))
    create_table(client, "copy")
    load_files(client, "copy", [dumped])
    assert set(dump_lines(client, "copy")) == lines
    assert len(lines) == 5
    originals: list[Any] = client.scan(TableName=loaded.store.table)["Items"]
    copies = client.scan(TableName="copy")["Items"]
    assert copies == [item for item in originals if item["sk"]["S"] in ("MESSAGE", "CONTENT")]


SETTINGS = [
    f'{{"kind":"inbound_endpoint","account_id":"acc_1","id":"{ENDPOINT}","name":"Stripe"}}',
    f'{{"kind":"pull_endpoint","account_id":"acc_1","id":"{ENDPOINT}"}}',
    '{"kind":"linked_account","account_id":"acc_1","id":"la_1","provider":"LINKEDIN","state":"network_down"}',
    '{"kind":"keyset","sub_key":"s-1","pub_key":"p-1","access_manager":true,"delete_from_history":false}',
]
LIMITED = '"account_id":"acc_1","expires_at":"2027-01-01T00:00:00.000000Z","scopes":["pull:delete"]}'


def test_with_settings_all_but_secrets_and_grants_comes_first(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keyset = SETTINGS[3].replace('"access', '"secret_key":"sec-c-1","access')
    limited = '{"kind":"api_key","key":"hb_1","label":"cron",' + LIMITED
    grant = '{"kind":"auth_grant","sub_key":"s-1","auth_key":"x","channels":["a","b"],"permissions":[]}'
    path = tmp_path / "all.jsonl"
    path.write_text("\n".join([LIVE, *SETTINGS[:3], keyset, limited, grant]), encoding="utf-8")
    load_files(world.store.client, world.store.table, [path])
    world.api_key("hb_2", account_id="acc_2")
    world.api_key("hb_revoked")
    assert run(["key", "revoke", key_id("hb_revoked"), "--dynamodb-url", "aws"]) == 0
    capsys.readouterr()

    assert run(["dump", "--settings", "--dynamodb-url", "aws"]) == 0
    out, err = capsys.readouterr()
    *settings, message = out.splitlines()
    api_keys = [
        f'{{"kind":"api_key","key_id":"{key_id("hb_1")}","label":"cron",{LIMITED}',
        f'{{"kind":"api_key","key_id":"{key_id("hb_2")}","account_id":"acc_2"}}',
    ]
    assert sorted(settings) == sorted([*SETTINGS, *api_keys])
    assert message == LIVE
    assert err == (
        "expunge: grants of auth keys are not printed (2 in all), because the table knows only digests of"
        " these keys; load them again from where they came\n"
    )

    copied = tmp_path / "copy.jsonl"
    copied.write_text(out, encoding="utf-8")
    create_table(world.store.client, "copy")
    result = load_files(world.store.client, "copy", [copied])
    assert (result.withheld, result.astray) == ({"api_key": 2, "keyset": 1}, {})
    assert result.records == 4


def test_every_kind_is_printed_but_grants() -> None:
    assert {*MESSAGE_KINDS, *OWNED, "keyset", "api_key"} == set(KINDS) - {"auth_grant"}


class Pages:
    """A client that gives out items in just this order, page by page, and looks them up in two goes."""

    def __init__(self, *pages: list[Item]) -> None:
        self.pages = pages
        self.looked_up = 0

    def scan(self, **arguments: Any) -> dict[str, Any]:
        assert arguments["ConsistentRead"] is True
        number = arguments.get("ExclusiveStartKey", 0)
        last = number == len(self.pages) - 1
        return {"Items": self.pages[number]} | ({} if last else {"LastEvaluatedKey": number + 1})

    def batch_get_item(self, **arguments: Any) -> dict[str, Any]:
        request = arguments["RequestItems"]["expunge"]
        assert request["ConsistentRead"] is True
        wanted = request["Keys"]
        self.looked_up += 1
        found = [
            item for page in self.pages for item in page if {"pk": item["pk"], "sk": item["sk"]} == wanted[0]
        ]
        rest = {"expunge": request | {"Keys": wanted[1:]}} if wanted[1:] else {}
        return {"Responses": {"expunge": found}, "UnprocessedKeys": rest}


def items(line: str) -> tuple[Item, Item]:
    metadata, content = stored(parse(line.encode()))
    return metadata, content


def dumped_from(client: Any) -> list[str]:
    return [line.decode().removesuffix("\n") for line in dump_lines(client, "expunge")]


def test_metadata_and_content_are_joined_across_pages_without_looking_anything_up() -> None:
    (live, live_content), (null, null_content) = items(LIVE), items(NULL)
    client = Pages([live_content], [], [live, null], [null_content])
    assert dumped_from(client) == [LIVE, NULL]
    assert client.looked_up == 0


def test_content_that_is_not_beside_its_metadata_is_looked_up() -> None:
    (live, live_content), (null, null_content) = items(LIVE), items(NULL)
    client = Pages([live, null, live_content], [null_content])
    assert dumped_from(client) == [LIVE, NULL]
    assert client.looked_up == 2


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None)),
    lambda children: st.lists(children) | st.dictionaries(st.text(st.characters(codec=None)), children),
)


@given(JSON)
def test_any_payload_comes_back(payload: Any) -> None:
    record = json.loads(WITHOUT_PAYLOAD) | {"payload": payload}
    line = json.dumps(record)
    (back,) = dumped_from(Pages(list(items(line))))
    assert json.loads(back) == json.loads(line)
    assert list(json.loads(back)) == list(record)
