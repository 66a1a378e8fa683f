import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge import timestamps
from expunge.table.flags import OF_A_DELETION
from expunge.table.items import writes
from expunge.table.json_text import compact
from expunge.table.records import KINDS, MAX_LINE, BadLine, Message, parse
from expunge.vocabulary import MAX_PAYLOAD

ID = "01961e00-0000-7000-8000-000000000101"
ENDPOINT = "01961e00-0000-7000-8000-000000000001"
INBOUND: dict[str, Any] = {
    "kind": "inbound_message",
    "account_id": "acc_1",
    "id": ID,
    "inbound_endpoint_id": ENDPOINT,
    "status": "queued",
    "received_at": "2026-04-05T14:23:11Z",
}
PULL: dict[str, Any] = {
    "kind": "pull_event",
    "account_id": "acc_1",
    "id": ID,
    "pull_endpoint_id": ENDPOINT,
    "event_type": "order.created",
    "status": "stored",
    "received_at": "2026-04-05T14:23:11Z",
}
KEY: dict[str, Any] = {"kind": "api_key", "key": "hb_1", "account_id": "acc_1"}
INBOUND_ENDPOINT = {"kind": "inbound_endpoint", "account_id": "acc_1", "id": ENDPOINT}
PULL_ENDPOINT = {"kind": "pull_endpoint", "account_id": "acc_1", "id": ENDPOINT}
DELETION = {
    "deleted_at": "2026-05-01T00:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2026-05-31T00:00:00.000Z",
}

UUID_RULE = "must be a UUID such as 01961e00-0000-7000-8000-000000000001"
TIME_RULE = "must be an RFC 3339 time with an offset, such as 2026-04-05T14:23:11Z"
VISIBLE_RULE = "must be 1 to 256 printable ASCII characters without blanks"
ACCOUNT_RULE = "account_id must be 1 to 64 letters, digits, _ or -"
INBOUND_STATUS_RULE = "status must be queued, delivering, succeeded, pending_retry or failed_permanent"
PULL_STATUS_RULE = "status must be stored, fetched or delivered"
TYPE_RULE = "event_type must be text of 1 to 256 characters"
NAME_RULE = "name must be text of at most 256 characters"
SCOPES_RULE = (
    "scopes must be a list of inbound:delete, pull:delete, outbound:delete, messages:delete, deletions:read,"
    " deletions:restore"
)
DEPTH_RULE = "the line must not be nested deeper than 200 levels"
NO_TIMES = ["0001-01-01T00:00:00+01:00", f"2026-04-05T14:23:11.{'0' * 44}Z", 1775398991, None]


def line(record: Any) -> bytes:
    return json.dumps(record).encode()


def with_payload(text: bytes) -> bytes:
    return line(INBOUND)[:-1] + b',"payload":' + text + b"}"


def complaint(text: bytes) -> str:
    with pytest.raises(BadLine) as caught:
        parse(text)
    assert caught.value.__cause__ is None or "hb_" not in str(caught.value.__cause__)
    return str(caught.value)


@pytest.mark.parametrize(
    "record",
    [
        INBOUND,
        PULL,
        KEY,
        INBOUND_ENDPOINT,
        PULL_ENDPOINT,
        INBOUND | DELETION,
        PULL | DELETION,
        KEY | {"scopes": ["inbound:delete", "pull:delete", "messages:delete"]},
        KEY | {"scopes": []},
        KEY | {"expires_at": "2027-01-01T00:00:00Z", "key": "!~" * 128},
        INBOUND_ENDPOINT | {"name": "Stripe"},
        PULL_ENDPOINT | {"name": "é" * 256},
        PULL | {"event_type": "😀" * 256},
        INBOUND | {"account_id": "aZ0_-" * 12},
        INBOUND | {"received_at": "2016-12-31t23:59:60.123456789z"},
        INBOUND | {"received_at": "2026-04-05T14:23:11-05:30"},
        *(
            INBOUND | {"status": status}
            for status in ("delivering", "succeeded", "pending_retry", "failed_permanent")
        ),
        *(PULL | {"status": status} for status in ("fetched", "delivered")),
    ],
)
def test_a_good_line_is_taken_as_it_is(record: dict[str, Any]) -> None:
    parsed = parse(line(record))
    assert type(parsed) is KINDS[record["kind"]]
    assert vars(parsed) == record


def test_ids_are_stored_in_lower_case() -> None:
    parsed = parse(
        line(INBOUND | {"id": ID.upper(), "inbound_endpoint_id": "ABCDEF00-0000-4000-8000-00000000000F"})
    )
    assert vars(parsed) == INBOUND | {"inbound_endpoint_id": "abcdef00-0000-4000-8000-00000000000f"}


def test_a_key_without_scopes_differs_from_one_with_none() -> None:
    assert "scopes" not in vars(parse(line(KEY)))
    assert vars(parse(line(KEY | {"scopes": []})))["scopes"] == []


def test_what_is_printed_of_a_secret_has_something_else_instead() -> None:
    named = {"kind": "api_key", "key_id": "key_1", "account_id": "acc_1", "label": "x"}
    keyset = {"kind": "keyset", "sub_key": "s", "pub_key": "p"}
    switches = {"access_manager": True, "delete_from_history": True}
    assert [parse(line(record)).withheld for record in (named, keyset | switches)] == [True, True]
    assert [writes(parse(line(record))) for record in (named, keyset | switches)] == [[], []]
    assert not parse(line(KEY)).withheld
    assert not parse(line(keyset | switches | {"secret_key": "s"})).withheld
    assert not parse(line(INBOUND)).withheld
    both = 'api_key has either "key" or "key_id", not both'
    assert complaint(line(KEY | {"key_id": "key_1"})) == both
    assert complaint(line({"kind": "api_key", "account_id": "acc_1"})) == 'api_key lacks "key"'


def test_neither_key_nor_payload_shows_in_a_representation() -> None:
    assert "hb_1" not in repr(parse(line(KEY)))
    assert "secret" not in repr(parse(line(INBOUND | {"payload": "secret"})))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"nonsense", "the line is not JSON"),
        (line(INBOUND) + b"{}", "the line is not JSON"),
        (b"\xff\xfe", "the line is not UTF-8"),
        (b'{"kind":"\xed\xa0\x80"}', "the line is not UTF-8"),
        (b"[]", "the line must be a JSON object"),
        (b"null", "the line must be a JSON object"),
        (b"{}", 'the line lacks "kind"'),
        (b" " * MAX_LINE + b"{}", "the line must be at most 8 MB long"),
        (with_payload(b"NaN"), "the line is not JSON"),
        (with_payload(b"-Infinity"), "the line is not JSON"),
        (with_payload(b"[1,]"), "the line is not JSON"),
        (with_payload(b"'x'"), "the line is not JSON"),
        (with_payload(b"1" * 4301), "the line must hold no number of more than 4,300 digits"),
        (with_payload(b"[1e400]"), "payload must hold no number beyond 1.8e308"),
        (with_payload(b"-1e400"), "payload must hold no number beyond 1.8e308"),
        (with_payload(b"[" * 201 + b"]" * 201), DEPTH_RULE),
        (with_payload(b'{"a":' * 201 + b'"\\ud800"' + b"}" * 201), DEPTH_RULE),
        (with_payload(b"[" * 200_000 + b"]" * 200_000), DEPTH_RULE),
    ],
    ids=range(18),
)
def test_what_is_no_json_object_is_refused(text: bytes, sentence: str) -> None:
    assert complaint(text) == sentence


@pytest.mark.parametrize("kind", ["inbound_massage", "", None, 1, ["api_key"], {}])
def test_an_unknown_kind_is_refused(kind: Any) -> None:
    assert complaint(line({"kind": kind})) == f"kind must be one of {', '.join(KINDS)}"


@pytest.mark.parametrize("record", [INBOUND, PULL, KEY, INBOUND_ENDPOINT, PULL_ENDPOINT])
def test_every_field_of_a_plain_record_is_required(record: dict[str, Any]) -> None:
    for field in record.keys() - {"kind"}:
        rest = {name: value for name, value in record.items() if name != field}
        assert complaint(line(rest)) == f'{record["kind"]} lacks "{field}"'


def test_a_misspelt_field_is_named_rather_than_the_one_it_should_be() -> None:
    rest = {name: value for name, value in INBOUND.items() if name != "received_at"}
    assert complaint(line(rest | {"recieved_at": "x"})) == 'inbound_message has no field "recieved_at"'


def test_the_name_of_an_unknown_field_cannot_break_the_sentence() -> None:
    assert (
        complaint(line(KEY | {"a\n\ud800" + "x" * 999: 1})) == f'api_key has no field "a\\n\\ud800{"x" * 61}"'
    )


@pytest.mark.parametrize(
    ("record", "field", "values", "rule"),
    [
        (INBOUND, "account_id", ["", "a" * 65, "a#b", "é", "a\n", 1, None], ACCOUNT_RULE),
        (INBOUND, "id", ["", "x", ID + "\n", ID.replace("-", ""), f"{{{ID}}}", 1, None], f"id {UUID_RULE}"),
        (INBOUND, "inbound_endpoint_id", ["msg_1", None], f"inbound_endpoint_id {UUID_RULE}"),
        (PULL, "pull_endpoint_id", ["", ["x"]], f"pull_endpoint_id {UUID_RULE}"),
        (INBOUND, "status", ["", "stored", "QUEUED", None, ["queued"]], INBOUND_STATUS_RULE),
        (PULL, "status", ["queued", 1], PULL_STATUS_RULE),
        (PULL, "event_type", ["", "x" * 257, "\ud800", None], TYPE_RULE),
        (
            INBOUND,
            "received_at",
            ["", "2026-04-05", "2026-04-05T14:23:11", "2026-02-30T00:00:00Z", *NO_TIMES],
            f"received_at {TIME_RULE}",
        ),
        (KEY, "key", ["", "a b", "é", "x" * 257, "hb_1\n", None], f"key {VISIBLE_RULE}"),
        (KEY, "scopes", [None, "inbound:delete", ["inbound:write"], [1], {}], SCOPES_RULE),
        (KEY, "expires_at", ["", "never", None], f"expires_at {TIME_RULE}"),
        (INBOUND_ENDPOINT, "name", ["x" * 257, "\ud800", 1, None], NAME_RULE),
        (PULL_ENDPOINT, "id", ["x"], f"id {UUID_RULE}"),
        (INBOUND | DELETION, "deleted_at", ["", "x", None], f"deleted_at {TIME_RULE}"),
        (INBOUND | DELETION, "purge_at", ["", "x", None], f"purge_at {TIME_RULE}"),
        (INBOUND | DELETION, "deleted_by", ["", "a b", None], f"deleted_by {VISIBLE_RULE}"),
        (INBOUND | DELETION, "delete_request_id", ["", "x" * 257], f"delete_request_id {VISIBLE_RULE}"),
    ],
)
def test_a_bad_value_is_refused_without_being_quoted(
    record: dict[str, Any], field: str, values: list[Any], rule: str
) -> None:
    assert {complaint(line(record | {field: value})) for value in values} == {rule}


@pytest.mark.parametrize("field", OF_A_DELETION)
def test_a_deletion_is_there_entirely_or_not(field: str) -> None:
    rest = {name: value for name, value in (PULL | DELETION).items() if name != field}
    assert (
        complaint(line(rest)) == f'pull_event lacks "{field}", which goes with the other fields of a deletion'
    )


PAYLOADS = [
    *(None, False, 0, -0.0, 1e-320, 10**4299, "", "Infinity", "\x00\u2028<é😀>", [], {}, {"": [[]]}),
    *("\ud800", "\ude00\ud83d", {"\udfff": "Infinity"}),
    json.loads("[" * 200 + "]" * 200),
    *("x" * (MAX_PAYLOAD - 2), "é" * (MAX_PAYLOAD // 2 - 1)),
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_any_json_is_a_payload(payload: Any) -> None:
    parsed = parse(line(INBOUND | {"payload": payload}))
    assert isinstance(parsed, Message)
    assert parsed.payload is not None
    assert json.loads(parsed.payload) == payload


def test_no_payload_differs_from_null() -> None:
    parsed = parse(line(INBOUND))
    assert isinstance(parsed, Message)
    assert parsed.payload is None


@pytest.mark.parametrize(
    "payload", ["x" * (MAX_PAYLOAD - 1), "é" * (MAX_PAYLOAD // 2), "\ud800" * (MAX_PAYLOAD // 6 + 1)]
)
def test_a_payload_over_350_kb_is_refused(payload: str) -> None:
    assert complaint(line(INBOUND | {"payload": payload})) == "payload must be at most 350 KB of compact JSON"


def test_what_counts_is_the_size_of_compact_json() -> None:
    blanks = b" " * MAX_PAYLOAD
    parsed = parse(with_payload(b"[" + blanks + b"]"))
    assert isinstance(parsed, Message)
    assert parsed.payload == b"[]"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Any code point, lone surrogates too.
    | st.text(st.characters(codec=None)),
    lambda children: st.lists(children) | st.dictionaries(st.text(st.characters(codec=None)), children),
)


@given(JSON)
def test_compact_json_says_the_same_in_valid_utf_8(value: Any) -> None:
    meant = json.loads(json.dumps(value))  # two surrogates side by side are one character in JSON
    text = compact(meant)
    assert json.loads(text.decode()) == meant
    assert b"\n" not in text


@given(st.binary() | st.text().map(str.encode) | JSON.map(line))
def test_no_line_makes_it_crash(text: bytes) -> None:
    with pytest.raises(BadLine):
        parse(text)


@given(st.datetimes())
def test_every_time_that_the_service_writes_is_taken(moment: Any) -> None:
    text = timestamps.micros(moment)
    assert vars(parse(line(KEY | {"expires_at": text}))) == KEY | {"expires_at": text}
