"""Listing an account's deletions."""

from datetime import timedelta
from typing import Any

import pytest

from delete_inbound_messages import handler as delete_all
from delete_pull_events import handler as delete_events
from expunge import timestamps
from get_deletion import handler as get_deletion
from list_deletion_messages import handler as list_messages
from list_deletions import handler as list_deletions
from restore_deletion import handler as restore
from tests.world import PULL, World, call


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.customer()


def test_the_list_is_newest_first_and_pages_are_exact_even_where_times_are_equal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moment = timestamps.now()
    monkeypatch.setattr(timestamps, "now", lambda: moment)
    made = [call(delete_all, request_id=f"same{number}").headers["x-request-id"] for number in range(5)]
    monkeypatch.setattr(timestamps, "now", lambda: moment + timedelta(seconds=1))
    made.append(call(delete_events, path={"id": PULL}, request_id="last").headers["x-request-id"])

    found, query = [], {"limit": "2"}
    while True:
        page = call(list_deletions, query=query).data
        found.append([each["id"] for each in page["deletions"]])
        if "cursor" not in page:
            break
        query["cursor"] = page["cursor"]

    newest = made[::-1]
    assert found == [newest[:2], newest[2:4], newest[4:]]
    inbound = call(list_deletions, query={"family": "inbound"}).data["deletions"]
    assert [each["id"] for each in inbound] == newest[1:]
    assert "deleted" not in inbound[0]


def test_a_page_reads_one_more_of_the_index_than_it_shows(calls: list[tuple[str, Any]]) -> None:
    for _ in range(3):
        call(delete_all)
    calls.clear()

    call(list_deletions, query={"limit": "2"})

    assert [arguments["Limit"] for name, arguments in calls if name == "Query"] == [3]


@pytest.mark.parametrize(
    ("handler", "query", "message"),
    [
        (list_deletions, "limit=0", "limit must be a whole number from 1 to 100"),
        (list_deletions, "limit=101", "limit must be a whole number from 1 to 100"),
        (list_deletions, "limit=x", "limit must be a whole number from 1 to 100"),
        (list_deletions, "family=linked", "family must be one of inbound, pull, outbound"),
        (
            list_deletions,
            "Family=pull",
            '"Family" is not known: the parameters of this call are limit, cursor, family',
        ),
        (get_deletion, "limit=1", '"limit" is not known: this call takes no parameters'),
        (list_messages, "limit=1001", "limit must be a whole number from 1 to 1000"),
        (
            list_messages,
            "state=deleted",
            '"state" is not known: the parameters of this call are limit, cursor',
        ),
        (restore, "limit=1", '"limit" is not known: this call takes no parameters'),
    ],
)
def test_what_is_not_understood_is_refused(handler: Any, query: str, message: str) -> None:
    path = {"request_id": call(delete_all).headers["x-request-id"]}

    assert call(handler, path=path, query=query).error == (400, "INVALID_REQUEST", message)
