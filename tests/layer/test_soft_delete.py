"""What one message's flags say, and what becomes of a target that the store refuses."""

from datetime import UTC, datetime
from typing import Any

import pytest

from expunge.deletions.soft_delete import Deletion, Outcome, Target
from expunge.table import keys
from expunge.table.search import Partition

AT, DUE = "2026-05-01T00:00:00.123Z", "2026-05-31T00:00:00.123Z"
DELETION = Deletion("req_1", "key_1", AT, DUE)
QUEUED, FAILED = (Partition(keys.BY_STATE, f"LIVE#{status}") for status in ("queued", "failed"))
MINE = {"deleted_at": {"S": AT}, "delete_request_id": {"S": "req_1"}}


def test_a_deletion_is_due_when_its_days_are_over_to_the_millisecond() -> None:
    now = datetime(2026, 5, 1, 0, 0, 0, 123_999, tzinfo=UTC)

    assert Deletion.of("req_1", "key_1", now, 30) == DELETION


@pytest.mark.parametrize(
    ("found", "outcome", "deleted_at"),
    [
        (None, Outcome.NOT_FOUND, None),
        ({}, Outcome.NOT_FOUND, None),
        # Its own flags: the answer to the write that set them was lost.
        (MINE, Outcome.DELETED, AT),
        ({"purged_at": {"S": DUE}, "delete_request_id": {"S": "req_1"}}, Outcome.DELETED, AT),
        ({"purged_at": {"S": DUE}, "delete_request_id": {"S": "req_2"}}, Outcome.NOT_FOUND, None),
        (MINE | {"delete_request_id": {"S": "req_2"}}, Outcome.ALREADY_DELETED, AT),
        (MINE | {"deleted_at": {"S": DUE}}, Outcome.ALREADY_DELETED, DUE),
        ({"state_pk": {"S": "LIVE#sent"}}, Outcome.CHANGED, None),
        # It was flagged and restored since.
        ({"restored_from": {"S": "req_1"}}, Outcome.DELETED, AT),
        ({"restored_from": {"S": "req_2"}}, Outcome.CHANGED, None),
    ],
)
def test_the_item_that_failed_the_condition_tells_what_became_of_the_message(
    found: dict[str, Any] | None, outcome: Outcome, deleted_at: str | None
) -> None:
    target = Target(DELETION, "INBOUND#acc_1#1")
    assert (target.outcome, target.deleted_at, target.found) == (Outcome.OPEN, None, None)

    target.refused(found)

    assert (target.outcome, target.deleted_at, target.found) == (outcome, deleted_at, found)


def test_a_message_is_flagged_only_where_it_was_seen_if_it_was_searched_for() -> None:
    by_id = Target(DELETION, "pk").write("expunge")["Update"]
    searched = Target(DELETION, "pk", QUEUED)
    searched.elsewhere.append(FAILED)
    seen = searched.write("expunge")["Update"]

    free = "attribute_not_exists(deleted_at) AND attribute_not_exists(purged_at)"
    free += " AND (attribute_not_exists(restored_from) OR restored_from <> :again)"
    assert by_id["ConditionExpression"] == f"attribute_exists(pk) AND {free}"
    assert seen["ConditionExpression"] == f"(state_pk = :place0 OR state_pk = :place1) AND {free}"
    flags = by_id["ExpressionAttributeValues"]
    assert seen["ExpressionAttributeValues"] == flags | {
        ":place0": {"S": "LIVE#queued"},
        ":place1": {"S": "LIVE#failed"},
    }
    assert {name: value["S"] for name, value in flags.items()} == {
        ":deleted_at": AT,
        ":deleted_by": "key_1",
        ":delete_request_id": "req_1",
        ":again": "req_1",
        ":purge_at": DUE,
        ":state_pk": keys.bin_shard("pk"),
        ":state_sk": keys.bin_order(DUE, "pk"),
    }
