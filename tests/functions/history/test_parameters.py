"""What a request may say, and what is refused."""

from typing import Any

import pytest

from tests.functions.history.deleting import delete, refusal
from tests.world import World


@pytest.mark.parametrize(
    "query", ["statr=5", "Start=5", "start=5&limit=1", "start=5&channel=ch2", "st%61rt=5", "start=5&&=1"]
)
def test_a_parameter_that_is_not_known_deletes_nothing(world: World, query: str) -> None:
    world.channel_messages("ch1", 1)

    status, message = refusal(delete("ch1", query))

    assert status == 400
    assert message.endswith(
        "is not a known parameter; known are start, end, auth, uuid, timestamp, signature, pnsdk, requestid,"
        " instanceid and l_*"
    )
    assert (world.history("ch1"), world.sweeps()) == ([1], 0)


def test_what_sdks_add_to_a_request_is_passed_over(world: World) -> None:
    world.channel_messages("ch1", 1, 2)

    query = "start=2&end=1&pnsdk=PubNub-JS-Web%2F9.8.3&requestid=r&instanceid=i&l_del=0.2&l_hist=0.1&uuid=u"

    assert delete("ch1", query).status == 200
    assert world.history("ch1") == [2]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("start=", "start must be a timetoken, a whole number of 1 to 19 digits"),
        ("start=-1", "start must be a timetoken, a whole number of 1 to 19 digits"),
        ("start=1.5", "start must be a timetoken, a whole number of 1 to 19 digits"),
        ("start=12345678901234567890", "start must be a timetoken, a whole number of 1 to 19 digits"),
        ("start=1&start=2", '"start" must be given only once'),
        ("start=%D9%A1", "start must be a timetoken, a whole number of 1 to 19 digits"),
        ("end=now", "end must be a timetoken, a whole number of 1 to 19 digits"),
        ("end=+5", "end must be a timetoken, a whole number of 1 to 19 digits"),
        ("end=5%0A", "end must be a timetoken, a whole number of 1 to 19 digits"),
        ({"uuid": "\N{PARTY POPPER}" * 65}, "uuid must be at most 64 UTF-8 characters long"),
    ],
)
def test_a_parameter_that_is_not_what_it_must_be_is_refused(world: World, query: Any, message: str) -> None:
    world.channel_messages("ch1", 1, 2)

    assert refusal(delete("ch1", query)) == (400, message)
    assert world.history("ch1") == [1, 2]


@pytest.mark.parametrize(
    "channels",
    ["", " ", ",", "ch1,", "ch1,,ch2", "ch1, ", "a" * 93, "\ud800", ",".join(["ch1"] * 51)],
)
def test_channels_are_1_to_50_names_of_1_to_92_characters(world: World, channels: str) -> None:
    world.channel_messages("ch1", 1)

    message = "channels must be 1 to 50 names of 1 to 92 UTF-8 characters, separated by commas"
    assert refusal(delete(channels)) == (400, message)
    assert world.history("ch1") == [1]


def test_a_name_may_hold_anything_else(world: World) -> None:
    names = [
        "a b",
        "a+b",
        "it's",
        '"a"',
        "~a~",
        "\N{PARTY POPPER}",
        "a/b",
        "a#b",
        "a%2Cb",
        " a",
        "a" * 92,
        "é" * 92,
    ]
    for name in names:
        world.channel_messages(name, 1)

    for left, name in zip(range(len(names) - 1, -1, -1), names, strict=True):
        assert delete(name, "start=2&end=1").status == 200
        assert len(world.live()) == left
