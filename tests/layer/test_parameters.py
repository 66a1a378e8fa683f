"""What HookBridge's calls take, at its bounds, and how an answer quotes a name that nobody knows."""

import json

import pytest

from expunge.errors import InvalidRequest
from expunge.webhooks.filters import INBOUND_FILTERS, PULL_FILTERS
from expunge.webhooks.parameters import read_ids, refuse_unknown


def test_the_most_that_may_be_asked_for_is_taken() -> None:
    ids = [f"{number:0128}" for number in range(100)]

    assert read_ids(json.dumps({"message_ids": ids}).encode) == ids
    assert read_ids(lambda: b'{"message_ids":["1"]}') == ["1"]
    assert INBOUND_FILTERS.read({"limit": "1000"}).limit == 1000
    assert INBOUND_FILTERS.read({"limit": "1"}).limit == 1
    assert PULL_FILTERS.read({"event_type": "x" * 256}).event_type == "x" * 256


def test_filters_that_are_not_given_leave_everything_open() -> None:
    filters = INBOUND_FILTERS.read({})

    assert (filters.limit, filters.dry_run, filters.endpoint_id, filters.event_type) == (
        1000,
        False,
        None,
        None,
    )
    assert filters.status == ("queued", "delivering", "succeeded", "pending_retry", "failed_permanent")
    assert filters.window == ("0", ":")
    assert filters.given == {}


def test_statuses_are_taken_once_each_in_the_order_of_a_messages_life() -> None:
    filters = INBOUND_FILTERS.read({"status": " succeeded,queued ,succeeded", "dry_run": "true"})

    assert filters.status == ["queued", "succeeded"]
    assert filters.dry_run is True
    assert filters.given == {"status": ["queued", "succeeded"]}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a" * 64, '"' + "a" * 64 + '"'),
        ("a" * 65, '"' + "a" * 64 + '..."'),
        ('\x00"é~ !#\N{PARTY POPPER}', '"???~ !#?"'),
        ("", '""'),
    ],
)
def test_an_unknown_name_is_quoted_in_plain_characters_up_to_64(name: str, shown: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        refuse_unknown(["limit", name], ["limit", "status"])

    assert refused.value.message == f"{shown} is not known: the parameters of this call are limit, status"
