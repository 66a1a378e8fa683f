"""What a hold is on, as it is named, stored, looked for and told."""

from typing import Any

import pytest

from expunge.deletions.covered import Covered, parted
from expunge.errors import NotHoldable
from tests.world import INBOUND, LINKED, message_id

ID = message_id(1)


@pytest.mark.parametrize(
    ("covered", "places"),
    [
        ({"account_id": "a"}, ["ACCOUNT#a"]),
        ({"account_id": "a", "endpoint_id": INBOUND.upper()}, [f"ENDPOINT#a#{INBOUND}"]),
        ({"account_id": "a", "endpoint_id": "La_1"}, ["ENDPOINT#a#La_1"]),
        (
            {"account_id": "a", "messages": [ID.upper(), ID, LINKED]},
            [f"MESSAGE#a#{ID}", f"MESSAGE#a#{LINKED}"],
        ),
        ({"account_id": "a", "endpoint_id": "la_1", "messages": [ID]}, [f"MESSAGE_OF#a#la_1#{ID}"]),
        ({"sub_key": "s"}, ["KEYSET#s"]),
        ({"sub_key": "s", "channel": "a:b#c"}, ["CHANNEL#s#a:b#c"]),
        (
            {"sub_key": "s", "messages": ["a:b:007", "a:b:7", "c:0"]},
            ["TIMETOKEN#s#a:b#0000000000000000007", "TIMETOKEN#s#c#0000000000000000000"],
        ),
        ({"sub_key": "s", "channel": "c", "messages": ["c:1"]}, ["TIMETOKEN#s#c#0000000000000000001"]),
    ],
)
def test_each_thing_is_covered_once_under_the_key_where_it_is_looked_for(
    covered: dict[str, Any], places: list[str]
) -> None:
    checked = Covered(**covered).checked()

    assert checked.places() == places
    assert checked == checked.checked()


@pytest.mark.parametrize(
    ("covered", "message"),
    [
        ({}, "a hold is on an account or on a sub key: name one of them"),
        ({"account_id": "a", "sub_key": "s"}, "a hold is on an account or on a sub key: name one of them"),
        (
            {"account_id": "a", "messages": [message_id(n) for n in range(91)]},
            "a hold covers at most 90 single messages: place several",
        ),
        ({"account_id": "a", "channel": "c"}, "a channel belongs to a sub key, not to an account"),
        ({"account_id": "a#"}, "account 'a#' must be 1 to 64 letters, digits, _ or -"),
        (
            {"account_id": "a", "endpoint_id": "é"},
            "endpoint 'é' must be a UUID or a linked account's id",
        ),
        (
            {"account_id": "a", "messages": ["msg_1"]},
            "message 'msg_1' must be a UUID, or msg_ and 26 characters of base32",
        ),
        ({"sub_key": "s", "endpoint_id": "e"}, "an endpoint belongs to an account, not to a sub key"),
        ({"sub_key": ""}, "sub key '' must be 1 to 128 letters, digits, _ or -"),
        ({"sub_key": "s", "channel": "a,b"}, "channel 'a,b' must be 1 to 92 characters without a comma"),
        ({"sub_key": "s", "channel": ""}, "channel '' must be 1 to 92 characters without a comma"),
        ({"sub_key": "s", "channel": " "}, "channel ' ' must be 1 to 92 characters without a comma"),
        (
            {"sub_key": "s", "channel": "c" * 93},
            f"channel '{'c' * 93}' must be 1 to 92 characters without a comma",
        ),
        ({"sub_key": "s", "channel": "c", "messages": ["d:1"]}, "message 'd:1' is not in the channel 'c'"),
        ({"sub_key": "s", "messages": ["c"]}, "message 'c' must be CHANNEL:TIMETOKEN"),
        ({"sub_key": "s", "messages": [":1"]}, "message ':1' must be CHANNEL:TIMETOKEN"),
        ({"sub_key": "s", "messages": ["c:x"]}, "message 'c:x' must be CHANNEL:TIMETOKEN"),
        ({"sub_key": "s", "messages": [" :1"]}, "channel ' ' must be 1 to 92 characters without a comma"),
    ],
)
def test_what_cannot_be_meant_so_is_refused_in_a_sentence(covered: dict[str, Any], message: str) -> None:
    with pytest.raises(NotHoldable) as refused:
        Covered(**covered).checked()

    assert str(refused.value) == message


def test_the_most_and_the_longest_are_taken() -> None:
    messages = [message_id(number) for number in range(90)]

    assert len(Covered(account_id="a", messages=messages).checked().places()) == 90
    assert Covered(sub_key="s", channel="c" * 92).checked().channel == "c" * 92
    assert parted(f"{'c' * 92}:0") == ("c" * 92, 0)


def test_it_is_told_as_it_was_named() -> None:
    assert Covered(account_id="a").told() == {"account_id": "a"}
    assert Covered(account_id="a", endpoint_id="e", messages=(ID,)).told() == {
        "account_id": "a",
        "endpoint_id": "e",
        "messages": [ID],
    }
    assert Covered(sub_key="s", channel="c").told() == {"sub_key": "s", "channel": "c"}
