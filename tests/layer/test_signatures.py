from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.history import query, signatures

# Everything that UTF-8 can write.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
CHANNELS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="?"), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("secret_key", "message", "signature"),
    [
        (
            "sec-c-MmUxNTZjMmYtNzFkNS00OAkzLWE2YjctNmQ4YzE5NWNmZDA3",
            signatures.message(
                "GET",
                "pub-c-03f156ea-a2e9-4c35-a733-9535824be897",
                "/v1/objects/sub-c-d7da9e59-c997-11e9-a139-dab2c75acd6f/spaces/pandu-ut-sid/users",
                "l_obj=0.4545555556&l_pam=1.145&pnsdk=PubNubCSharp4.0.34.0"
                "&requestid=19e1dee9-2f87-45d6-97e5-3f4d3f9779a2&timestamp=1568724043&uuid=mytestuuid",
            ),
            "v2.TcZdUURiXAnxJgN4OLPczxzH4MQO87l-yKfE4fyUHGc",
        ),
        (
            "demo-sec",
            signatures.message(
                "DELETE",
                "demo-pub",
                "/v3/history/sub-key/demo-sub/channel/ch1,ch%202",
                "end=15463872000000000&start=15463008000000000&timestamp=1607457300&uuid=admin-1",
            ),
            "v2.mBV4J6j279XfhEZCSG_s4nmDpevy1Tfnqtb9tddR-jg",
        ),
    ],
)
def test_published_signatures_are_made_alike(secret_key: str, message: bytes, signature: str) -> None:
    assert signatures.sign(secret_key, message) == signature


def test_the_request_of_the_second_vector_is_recognised_as_the_gateway_hands_it_over() -> None:
    sent = "uuid=admin-1&start=15463008000000000&timestamp=1607457300&end=15463872000000000&signature=x"

    signed = signatures.messages("demo-pub", "demo-sub", "ch1,ch 2", query.parameters(sent))

    assert signatures.matches("v2.mBV4J6j279XfhEZCSG_s4nmDpevy1Tfnqtb9tddR-jg", "demo-sec", signed)


@pytest.mark.parametrize(
    ("sent", "signed"),
    [
        ("uuid=2&end=1", "end=1&uuid=2"),
        ("end=1&signature=v2.x", "end=1"),
        ("pnsdk=PubNub-Python%2F7.2.0&l_hist=0.1", "l_hist=0.1&pnsdk=PubNub-Python%2F7.2.0"),
        ("uuid=a b", "uuid=a%20b"),
        ("uuid=a%20b", "uuid=a%20b"),
        ("uuid=a+b", "uuid=a%20b"),
        ("uuid=~%c3%a9*", "uuid=%7E%C3%A9%2A"),
        ("uuid=~!'()*é:@$,", "uuid=%7E%21%27%28%29%2A%C3%A9%3A%40%24%2C"),
        ("uuid&end=1", "end=1&uuid="),
        ("uuid=b=c", "uuid=b%3Dc"),
        ("uuid=a;end=1", "uuid=a%3Bend%3D1"),
        ("uuid=a%26end=1", "uuid=a%26end%3D1"),
        ("&end=1&", "end=1"),
        ("", ""),
    ],
)
def test_a_query_is_written_as_sdks_sign_it(sent: str, signed: str) -> None:
    assert signatures.query(query.parameters(sent)) == signed


@given(st.dictionaries(st.sampled_from(["start", "end", "uuid", "auth", "l_x"]), TEXTS), st.randoms())
def test_however_a_query_is_encoded_and_ordered_it_is_signed_as_one(
    parameters: dict[str, str], random: Any
) -> None:
    canonical = "&".join(
        f"{name}={quote(value, safe='').replace('~', '%7E')}" for name, value in sorted(parameters.items())
    )
    shuffled = list(parameters.items())
    random.shuffle(shuffled)
    sent = "&".join(
        f"{name}={quote(value, safe=random.choice(['', '/~!', ',:@$']))}" for name, value in shuffled
    )

    assert query.parameters(sent) == parameters
    assert signatures.query(parameters) == canonical


@given(CHANNELS)
def test_every_sdks_way_of_writing_a_path_is_among_those_that_are_tried(channels: str) -> None:
    written = signatures.paths("sub", channels)

    for left_alone in ("", "~", "*", "~*!'()", "~:@$&+=", "~*!'():@$", ":@$", "~*!'():@$&+=;"):
        for comma in ("", ","):
            # quote() leaves a tilde alone unasked.
            tilde = "~" if "~" in left_alone else "%7E"
            segment = quote(channels, safe=left_alone + comma).replace("~", tilde)
            assert f"/v3/history/sub-key/sub/channel/{segment}" in written
    assert {unquote(path) for path in written} == {f"/v3/history/sub-key/sub/channel/{channels}"}
    assert len(written) == len(set(written)) <= 18


def test_a_slash_and_a_percent_sign_in_a_name_are_always_encoded() -> None:
    assert signatures.paths("sub", "a/b%2C") == ["/v3/history/sub-key/sub/channel/a%2Fb%252C"]


@given(TEXTS)
def test_what_is_no_signature_never_matches(given_text: str) -> None:
    signed = signatures.messages("pub", "sub", "ch,1", {"end": "1"})
    assert not signatures.matches(given_text, "sec", signed)


@pytest.mark.parametrize(
    "change", [lambda right: right.removeprefix("v2."), lambda right: right + "=", lambda right: right[:-1]]
)
def test_a_signature_counts_only_with_its_prefix_and_without_padding(change: Callable[[str], str]) -> None:
    message = signatures.message("DELETE", "pub", "/v3/history/sub-key/sub/channel/ch1", "a=1")
    right = signatures.sign("sec", message)

    assert signatures.matches(right, "sec", [message])
    assert not signatures.matches(change(right), "sec", [message])


def test_the_body_is_signed_unless_it_is_longer_than_any_sdk_sends() -> None:
    signed = list(signatures.messages("pub", "sub", "ch1", {"end": "1"}, b"{}"))

    assert signed == [b"DELETE\npub\n/v3/history/sub-key/sub/channel/ch1\nend=1\n{}"]
    assert len(list(signatures.messages("pub", "sub", "ch1", {"end": "1"}, b" " * 1024))) == 1
    assert list(signatures.messages("pub", "sub", "ch1", {"end": "1"}, b" " * 1025)) == []
