"""The one reading of a channel-history query, and that a signature covers exactly what is read."""

import hmac
import re
import time
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expunge.errors import InvalidRequest, Refused
from expunge.history import query
from expunge.history.admission import permitted
from expunge.http.request import Request
from tests.world import SECRET_KEY, SUB_KEY, Context, World

KNOWN = "known are start, end, auth, uuid, timestamp, signature, pnsdk, requestid, instanceid and l_*"


def test_what_sdks_send_is_known() -> None:
    sent = (
        "start=2&end=1&auth=a&uuid=u&timestamp=1&signature=s&pnsdk=p&requestid=r&instanceid=i&l_del=0.1&l_h="
    )

    assert query.parameters(sent) == dict(parse_qsl(sent, keep_blank_values=True))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("statr=1", f'"statr" is not a known parameter; {KNOWN}'),
        ("Start=1", f'"Start" is not a known parameter; {KNOWN}'),
        ("st%61rt=1", f'"st%61rt" is not a known parameter; {KNOWN}'),
        ("start[]=1", f'"start[]" is not a known parameter; {KNOWN}'),
        ("end=1&=2", f'"" is not a known parameter; {KNOWN}'),
        ("l_%20=2", f'"l_%20" is not a known parameter; {KNOWN}'),
        ("a" * 40 + "=2", f'"{"a" * 40}" is not a known parameter; {KNOWN}'),
        ("a" * 41 + "=2", f'"{"a" * 40}..." is not a known parameter; {KNOWN}'),
        ("a\x1b\n\N{PARTY POPPER}\u202e=2", f'"a????" is not a known parameter; {KNOWN}'),
        ("start=1&start=1", '"start" must be given only once'),
        ("l_x=1&end=1&l_x=2", '"l_x" must be given only once'),
        ("uuid=100%", '"uuid" must be percent-encoded UTF-8'),
        ("uuid=%4", '"uuid" must be percent-encoded UTF-8'),
        ("auth=%zz", '"auth" must be percent-encoded UTF-8'),
        ("uuid=%FF", '"uuid" must be percent-encoded UTF-8'),
        ("uuid=\ud800", '"uuid" must be percent-encoded UTF-8'),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(raw: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        query.parameters(raw)

    assert refused.value.message == message


def sign(parameters: dict[str, str], channels: str = "ch1") -> str:
    """Sign a DELETE as the Access Manager's documentation says, knowing nothing of the service's code."""

    def encode(value: str) -> str:
        return "".join(
            chr(byte) if re.fullmatch(r"[A-Za-z0-9_.-]", chr(byte)) else f"%{byte:02X}"
            for byte in value.encode()
        )

    pairs = "&".join(f"{name}={encode(parameters[name])}" for name in sorted(parameters))
    text = f"DELETE\npub-c-1\n/v3/history/sub-key/{SUB_KEY}/channel/{encode(channels)}\n{pairs}\n"
    digest = hmac.new(SECRET_KEY.encode(), text.encode(), "sha256").digest()
    return "v2." + urlsafe_b64encode(digest).decode().rstrip("=")


@st.composite
def requests(draw: st.DrawFn) -> tuple[dict[str, str], str, str]:
    """Parameters that were signed, the query that was sent with their signature, and what arrived."""
    numbers = st.integers(0, 3).map(str)
    texts = st.text(st.sampled_from("aé=&%+;,~ ?#/23"), max_size=8) | st.sampled_from(
        ["2&start=3", "start=3"]
    )
    signed = draw(
        st.fixed_dictionaries(
            {}, optional={"start": numbers, "end": numbers, "uuid": texts, "pnsdk": texts, "l_x": texts}
        )
    )
    signed["timestamp"] = str(int(time.time()))
    pairs = [
        f"{name}={quote(value, safe=draw(st.sampled_from(['', '/;,=?~'])))}" for name, value in signed.items()
    ]
    raw = "&".join([*pairs, f"signature={sign(signed)}"])
    arrived = raw
    for _ in range(draw(st.integers(0, 3))):
        arrived = draw(changes(arrived))
    return signed, raw, arrived


def hidden(pairs: list[str]) -> str:
    """Write the first parameter as a part of the second one's name."""
    signatures = [pair for pair in pairs if pair.startswith("signature=")]
    first, *rest = [pair for pair in pairs if pair not in signatures] or [""]
    return quote(f"{first}&", safe="%") + "&".join([*rest, *signatures])


def changes(raw: str) -> st.SearchStrategy[str]:
    """One change that could make two readers of a query read differently."""
    at = st.integers(0, len(raw))
    pairs = raw.split("&")
    return st.one_of(
        st.sampled_from("&=+;,%#?").flatmap(lambda char: at.map(lambda i: raw[:i] + char + raw[i:])),
        at.map(lambda i: raw[:i] + quote(raw[i : i + 1], safe="") + raw[i + 1 :]),
        at.map(lambda i: raw[:i] + "".join(f"%{ord(char):02X}" for char in raw[i : i + 1]) + raw[i + 1 :]),
        at.map(lambda i: raw[:i] + raw[i + 1 :]),
        st.permutations(pairs).map("&".join),
        st.sampled_from(pairs).map(lambda pair: f"{raw}&{pair}"),
        st.sampled_from(["&", "=", "start=3", "end=0", "%26"]).map(lambda more: f"{raw}&{more}"),
        st.sampled_from([pairs, sorted(pairs)]).map(hidden),
        st.just(raw.replace("&", "%26", 1)),
        st.just(raw.replace("=", "%3D", 1)),
        st.just(raw.replace("&", ";", 1)),
        st.just(raw.replace("%26", "&", 1)),
        st.just(raw.replace("%20", "+").replace("%2B", "+", 1)),
    )


@pytest.fixture
def admitted(world: World) -> Any:
    world.keyset(access_manager=True)

    def admit(raw: str) -> Any:
        path = {"sub_key": SUB_KEY, "channels": "ch1"}
        event = {"rawQueryString": raw, "pathParameters": path, "headers": {}, "requestContext": {}}
        return permitted(Request(event, Context()))

    return admit


def meant(parameters: dict[str, str]) -> range:
    """The timetokens that a start and an end mean."""
    start, end = parameters.get("start"), parameters.get("end")
    if start is None or end is None:
        return range(int(end or 0), 10**19 if start is None else int(start))
    return range(int(end), int(start)) if end < start else range(int(start) + 1, int(end) + 1)


@given(requests())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_signed_is_what_is_carried_out(
    admitted: Any, request_: tuple[dict[str, str], str, str]
) -> None:
    signed, sent, arrived = request_
    try:
        call = admitted(arrived)
    except Refused:
        assert arrived != sent
        return

    read = dict(parse_qsl(arrived, keep_blank_values=True))
    del read["signature"]
    assert read == signed
    assert call.caller.timetokens == meant(signed)
