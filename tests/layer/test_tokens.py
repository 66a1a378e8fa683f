import hmac
from base64 import urlsafe_b64encode
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.history import cbor, tokens
from expunge.history.tokens import Sealed, Token

SECRET_KEY = "sec-c-1"
FIELDS: dict[bytes, Any] = {
    b"v": 2,
    b"t": 1_700_000_000,
    b"ttl": 60,
    b"res": {b"chan": {b"ch1": 8, b"read-only": 1, b"text": 255}},
    b"pat": {b"chan": {b"room-.*": 8, b"lobby-.*": 3}},
    b"meta": {},
}


def opened(text: str) -> Token | None:
    sealed = Sealed.unwrap(text)
    return None if sealed is None else sealed.open(SECRET_KEY)


def issued(**changed: Any) -> str:
    """A token of the fields with some changed, or left out where they are None."""
    fields = FIELDS | {name.encode(): value for name, value in changed.items()}
    return tokens.issue({name: value for name, value in fields.items() if value is not None}, SECRET_KEY)


def text_of(encoded: bytes) -> str:
    return urlsafe_b64encode(encoded).decode()


def test_a_token_says_until_when_and_for_whom_it_allows_deleting_what() -> None:
    assert opened(issued(uuid=b"me")) == Token(
        expires_at=1_700_003_600,
        uuid="me",
        names=frozenset({"ch1", "text"}),
        patterns=("room-.*",),
    )


def test_a_token_is_good_with_and_without_padding() -> None:
    for meta in ({}, {b"a": b"b"}, {b"a": b"bc"}):
        text = issued(meta=meta)
        assert opened(text) == opened(text.rstrip("=")) is not None


@pytest.mark.parametrize("place", [0, 3, 6])
def test_the_seal_is_over_the_same_map_without_it_wherever_it_stands(place: int) -> None:
    sig = hmac.digest(SECRET_KEY.encode(), cbor2.dumps(FIELDS), "sha256")
    entries = list(FIELDS.items())
    entries.insert(place, (b"sig", sig))

    assert opened(text_of(cbor2.dumps(dict(entries)))) == opened(issued())


@pytest.mark.parametrize(("t", "ttl", "expires_at"), [(0, 1, 60), (1, 43_200, 2_592_001)])
def test_a_token_is_good_from_the_epoch_on_for_a_minute_up_to_thirty_days(
    t: int, ttl: int, expires_at: int
) -> None:
    token = opened(issued(t=t, ttl=ttl))

    assert token is not None
    assert token.expires_at == expires_at


def test_a_token_may_be_as_long_as_what_the_gateway_lets_pass() -> None:
    def of(size: int) -> str:
        return issued(meta={b"m": bytes(size)})

    longest = next(text for size in range(7600, 7500, -1) if len(text := of(size)) == 10_240)

    assert opened(longest) is not None
    assert opened(issued(meta={b"m": bytes(7700)})) is None


def test_a_seal_made_with_another_key_does_not_hold() -> None:
    sealed = Sealed.unwrap(tokens.issue(FIELDS, "sec-c-2"))

    assert sealed is not None
    assert sealed.open(SECRET_KEY) is None


@pytest.mark.parametrize(
    ("channels", "lacking"),
    [
        (["ch1"], []),
        (["ch1", "room-1"], []),
        (["room-"], []),
        (["ch1", "read-only", "lobby-1", "ch2"], ["read-only", "lobby-1", "ch2"]),
        (["a room-1"], ["a room-1"]),
        (["room"], ["room"]),
    ],
)
def test_deleting_is_allowed_by_name_or_by_a_pattern_of_the_whole_name(
    channels: list[str], lacking: list[str]
) -> None:
    token = opened(issued())

    assert token is not None
    assert token.lacking(channels, None) == lacking


def test_a_token_that_names_a_uuid_is_good_for_that_client_only() -> None:
    token = opened(issued(uuid="mé".encode()))

    assert token is not None
    assert token.lacking(["ch1"], "mé") == []
    assert token.lacking(["ch1"], "me") == token.lacking(["ch1"], None) == ["ch1"]


@pytest.mark.parametrize("missing", ["res", "pat", "meta"])
def test_what_a_token_leaves_out_it_does_not_grant(missing: str) -> None:
    token = opened(issued(**{missing: None}))

    assert token is not None
    assert token.lacking(["ch1", "room-1"], None) == {"res": ["ch1"], "pat": ["room-1"], "meta": []}[missing]


@pytest.mark.parametrize(
    "changed",
    [
        {"v": 1},
        {"v": None},
        {"v": True},
        {"t": -1},
        {"t": 1.5},
        {"t": b"1"},
        {"ttl": 0},
        {"ttl": 43_201},
        {"ttl": None},
        {"res": []},
        {"res": {b"chan": [b"ch1"]}},
        {"res": {b"chan": {b"ch1": b"8"}}},
        {"res": {b"chan": {b"ch1": True}}},
        {"res": {b"chan": {b"\xff": 8}}},
        {"res": {b"chan": {8: 8}}},
        {"res": {b"chan": {(1, 2): 8}}},
        {"uuid": 1},
        {"uuid": b"\xff"},
    ],
)
def test_a_token_that_is_sealed_but_wrong_grants_nothing(changed: dict[str, Any]) -> None:
    assert opened(issued(**changed)) is None


SEALED = cbor2.dumps({**FIELDS, b"sig": bytes(32)})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "an auth key",
        "AAAA",
        "A" * 9,
        "p0F2" * 4000,
        text_of(b""),
        text_of(SEALED[:-1]),
        text_of(SEALED + b"\x00"),
        text_of(cbor2.dumps([1])),
        text_of(cbor2.dumps(FIELDS)),
        text_of(cbor2.dumps({**FIELDS, b"sig": bytes(31)})),
        text_of(cbor2.dumps({**FIELDS, b"sig": "x" * 32})),
        text_of(cbor2.dumps({**FIELDS, b"meta": cbor2.CBORTag(35, "(a+)+"), b"sig": bytes(32)})),
        text_of(cbor2.dumps({**FIELDS, b"meta": 2**70, b"sig": bytes(32)})),
        text_of(b"\xbf" + SEALED[1:] + b"\xff"),
        text_of(b"\xa2" + 2 * (b"\x43sig\x58\x20" + bytes(32))),
        text_of(b"\xbb" + b"\xff" * 8 + bytes(100)),
        text_of(b"\xa1\x41a" + b"\x81" * 5000),
        text_of(b"\xa1\x41a\x9b" + b"\xff" * 8),
        text_of(b"\xa1\x41a\x5b" + b"\xff" * 8),
        text_of(b"\xa1\x41a\x5f\x41a\xff"),
        text_of(b"\xa1\x41a\xd8\x1c\x81\xd8\x1d\x00"),
    ],
)
def test_what_is_no_token_on_the_outside_is_not_decoded(text: str) -> None:
    assert Sealed.unwrap(text) is None


@given(st.data())
def test_a_token_that_was_changed_anywhere_grants_nothing(data: st.DataObject) -> None:
    text = issued().rstrip("=")
    at = data.draw(st.integers(0, len(text) - 1))
    change = data.draw(st.text("ABCxyz019-_=+ é\x00", max_size=3))
    mutated = text[:at] + change + text[at + data.draw(st.integers(0, 3)) :]

    assert opened(mutated) in ([None, opened(text)] if mutated.rstrip("=") == text else [None])


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**64), 2**64 - 1), st.floats(), st.binary(), st.text("aé")
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.binary(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.binary(max_size=30), VALUES, max_size=5))
def test_entries_of_plain_values_are_taken_apart_and_put_together_again(values: dict[bytes, Any]) -> None:
    encoded = cbor2.dumps(values)

    found = cbor.entries(encoded)

    assert [cbor2.loads(key) for key, _ in found] == list(values)
    assert cbor.short_map(found) == encoded


def test_a_token_of_too_many_items_is_none() -> None:
    def listing(count: int) -> bytes:
        return cbor2.dumps({b"res": [0] * count})

    assert len(cbor.entries(listing(2_998))) == 1
    with pytest.raises(ValueError, match="too many items"):
        cbor.entries(listing(2_999))


@given(st.fixed_dictionaries({}, optional={key.decode(): VALUES for key in FIELDS} | {"uuid": VALUES}))
def test_fields_of_any_kind_never_crash(changed: dict[str, Any]) -> None:
    token = opened(issued(**changed))

    assert token is None or isinstance(token, Token)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a|aa)*c",
        "(" * 1000 + ")" * 1000,
        "((a{100}){100}){100}",
        ".{1000}" * 100,
        "(?=a)",
        r"(a)\1",
        "[",
        "\x00",
    ],
)
def test_a_pattern_that_is_made_to_stall_grants_nothing(pattern: str) -> None:
    token = Token(0, None, frozenset(), (pattern, "good-.*"))

    # Backtracking would take years.
    assert token.lacking(["a" * 90, "good-1"], None) in (["a" * 90], ["a" * 90, "good-1"])


@pytest.mark.parametrize(
    ("pattern", "too_slow"),
    [
        (r"\pL" * 7, False),
        (r"\pL" * 8, True),
        (r"\PL" * 8, True),
        ("a{500}", False),
        ("a{0,501}", True),
        ("(a{2}){499}", True),
        ("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", False),
    ],
)
def test_after_what_is_slow_to_read_no_pattern_grants_anything(pattern: str, too_slow: bool) -> None:  # noqa: FBT001
    token = Token(0, None, frozenset(["named"]), ("good-.*", pattern, "better-.*"))

    assert token.lacking(["named", "good-1", "better-1"], None) == (["better-1"] if too_slow else [])


@pytest.mark.parametrize("pattern", ["[", r"(a)\1", "(?=a)"])
def test_a_pattern_that_is_none_takes_nothing_from_the_others(pattern: str) -> None:
    token = Token(0, None, frozenset(), (pattern, "good-.*"))

    assert token.lacking(["good-1", "bad-1"], None) == ["bad-1"]


def test_names_and_patterns_may_be_any_text() -> None:
    token = Token(0, None, frozenset(), ("é+", "a b", "\N{PARTY POPPER}."))

    assert token.lacking(["éé", "a b", "\N{PARTY POPPER}x", "é b"], None) == ["é b"]
