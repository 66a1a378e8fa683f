"""What the holds that were read say of a message, and for how long that counts."""

from datetime import timedelta

import pytest

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.holds import Holds, in_force, places_of
from expunge.table import keys
from expunge.table.store import store
from tests.world import ACCOUNT, INBOUND, LINKED, OUTBOUND, PULL, SUB_KEY, World, message_id

ID = message_id(1)
IN = keys.message("INBOUND", ACCOUNT, ID)
OUT = keys.message("OUTBOUND", ACCOUNT, ID)
EVENT = keys.pull_event(ACCOUNT, PULL, ID)
PRIVATE = keys.linked_message(ACCOUNT, LINKED)
PUBLISHED = keys.channel_message(SUB_KEY, "a#b", "0000000000000000007")
ALL = (IN, OUT, EVENT, PRIVATE, PUBLISHED)


def holds(*places: str) -> Holds:
    return Holds.of(set(places), timestamps.now())


@pytest.mark.parametrize(("seconds", "fresh", "usable"), [(-0.001, 0, 0), (0, 1, 1), (20, 0, 1), (30, 0, 0)])
def test_holds_decide_for_twenty_seconds_and_what_they_decided_is_sent_for_thirty(
    monkeypatch: pytest.MonkeyPatch, seconds: float, fresh: int, usable: int
) -> None:
    read = holds()

    monkeypatch.setattr(timestamps, "now", lambda: read.read_at + timedelta(seconds=seconds))
    assert (read.fresh, read.usable) == (fresh, usable)

    if seconds >= 20:
        monkeypatch.setattr(
            timestamps, "now", lambda: read.read_at + timedelta(seconds=seconds, microseconds=-1)
        )
        assert (read.fresh, read.usable) == (seconds == 20, True)


@pytest.mark.parametrize(
    ("place", "covered"),
    [
        (keys.held_account(ACCOUNT), {IN, OUT, EVENT, PRIVATE}),
        (keys.held_message(ACCOUNT, ID), {IN, OUT, EVENT}),
        (keys.held_message(ACCOUNT, LINKED), {PRIVATE}),
        (keys.held_endpoint(ACCOUNT, PULL), {EVENT}),
        (keys.held_message_of(ACCOUNT, PULL, ID), {EVENT}),
        (keys.held_message_of(ACCOUNT, PULL, LINKED), set()),
        (keys.held_keyset(SUB_KEY), {PUBLISHED}),
        (keys.held_channel(SUB_KEY, "a#b"), {PUBLISHED}),
        (keys.held_channel(SUB_KEY, "a"), set()),
        (keys.held_timetoken(SUB_KEY, "a#b", "0000000000000000007"), {PUBLISHED}),
        (keys.held_timetoken(SUB_KEY, "a#b", "0000000000000000008"), set()),
        (keys.held_account("acc_2"), set()),
        # Keys of these do not tell their endpoint.
        (keys.held_endpoint(ACCOUNT, INBOUND), set()),
    ],
)
def test_a_key_alone_tells_most_of_what_is_held(place: str, covered: set[str]) -> None:
    assert {pk for pk in ALL if holds(place).covers(pk)} == covered


def test_nothing_is_held_where_there_are_no_holds() -> None:
    assert not any(holds().covers(pk) or holds().endpoints_of(pk) for pk in ALL)


def test_an_endpoint_that_is_held_has_the_rows_of_its_account_looked_at() -> None:
    held = holds(
        keys.held_endpoint(ACCOUNT, INBOUND),
        keys.held_endpoint(ACCOUNT, "la#1"),
        keys.held_message_of(ACCOUNT, OUTBOUND, ID),
    )

    assert {pk: held.endpoints_of(pk) for pk in ALL} == {
        IN: {INBOUND, "la#1", OUTBOUND},
        OUT: {INBOUND, "la#1", OUTBOUND},
        EVENT: set(),
        PRIVATE: {INBOUND, "la#1"},
        PUBLISHED: set(),
    }
    assert held.endpoints_of(keys.message("INBOUND", "acc_2", ID)) == set()


@pytest.mark.parametrize(
    ("pk", "attribute", "value", "held"),
    [
        (IN, "endpoint_id", INBOUND, 1),
        (IN, "endpoint_id", PULL, 0),
        (OUT, "endpoint_id", OUTBOUND, 1),
        (PRIVATE, "linked_account_id", INBOUND, 1),
        (PRIVATE, "linked_account_id", OUTBOUND, 0),
    ],
)
def test_a_row_tells_whether_its_endpoint_is_held(pk: str, attribute: str, value: str, held: int) -> None:
    known = holds(keys.held_endpoint(ACCOUNT, INBOUND), keys.held_message_of(ACCOUNT, OUTBOUND, ID))

    assert known.cover_row({"pk": {"S": pk}, attribute: {"S": value}}) == held


def test_rows_are_read_of_what_the_keys_leave_open_and_of_nothing_else(
    world: World, operations: list[str]
) -> None:
    other = INBOUND[:-1] + "d"
    for number, endpoint_id in ((1, INBOUND), (2, other), (3, other)):
        world.message(number, inbound_endpoint_id=endpoint_id)
    pks = [keys.message("INBOUND", ACCOUNT, message_id(number)) for number in range(1, 5)]
    by_key = holds(keys.held_message(ACCOUNT, message_id(3)))
    by_row = holds(keys.held_message(ACCOUNT, message_id(3)), keys.held_endpoint(ACCOUNT, INBOUND))
    operations.clear()

    assert by_key.among(store(), pks, Deadline.never()) == {pks[2]}
    assert operations == []
    assert by_row.among(store(), pks, Deadline.never()) == {pks[0], pks[2]}
    assert operations == ["BatchGetItem"]


def test_the_places_of_a_message_are_those_under_which_it_can_be_held() -> None:
    assert list(places_of(IN)) == [f"ACCOUNT#{ACCOUNT}", f"MESSAGE#{ACCOUNT}#{ID}"]
    assert list(places_of(IN, INBOUND)) == [
        f"ACCOUNT#{ACCOUNT}",
        f"MESSAGE#{ACCOUNT}#{ID}",
        f"ENDPOINT#{ACCOUNT}#{INBOUND}",
        f"MESSAGE_OF#{ACCOUNT}#{INBOUND}#{ID}",
    ]
    assert list(places_of(EVENT)) == list(places_of(EVENT, "another"))
    assert f"ENDPOINT#{ACCOUNT}#{PULL}" in places_of(EVENT)
    assert list(places_of(PUBLISHED)) == [
        f"KEYSET#{SUB_KEY}",
        f"CHANNEL#{SUB_KEY}#a#b",
        f"TIMETOKEN#{SUB_KEY}#a#b#0000000000000000007",
    ]


def test_a_place_whose_last_hold_is_released_holds_nothing() -> None:
    assert in_force({"sk": {"S": "x"}, "holds": {"SS": ["hold_1"]}})
    assert not in_force({"sk": {"S": "x"}})
