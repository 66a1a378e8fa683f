"""What became of a deletion's messages, by its record and by their rows."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from expunge import timestamps
from expunge.deletions.record import Progress, Record
from expunge.deletions.soft_delete import Deletion
from expunge.deletions.standing import Standing, counts, flagged, standings
from tests.world import message_id

AT = "2026-05-01T00:00:00.000Z"
MINE = {"deleted_at": {"S": AT}, "delete_request_id": {"S": "req_1"}}
ID = message_id(1)


def record(**fields: Any) -> Record:
    plain = Record(
        account_id="acc_1",
        id="req_1",
        family="inbound",
        requested_at=AT,
        requested_by="key_1",
        about={},
        prefix="INBOUND#acc_1#",
        keep_until=1_800_000_000,
        ids=[ID],
        progress=Progress.PARTIAL,
        deletion=Deletion("req_1", "key_1", AT, "2026-05-31T00:00:00.000Z"),
    )
    return replace(plain, **fields)


def busy() -> str:
    return timestamps.millis(timestamps.now() + timedelta(minutes=1))


def rows(row: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    return {} if row is None else {f"INBOUND#acc_1#{ID}": row}


@pytest.mark.parametrize(
    ("row", "known", "standing"),
    [
        (MINE, {}, Standing(ID, "deleted", AT)),
        (MINE, {"taken": {ID}}, Standing(ID, "deleted", AT)),
        ({"purged_at": {"S": AT}, "delete_request_id": {"S": "req_1"}}, {}, Standing(ID, "purged", AT)),
        ({"purged_at": {"S": AT}, "delete_request_id": {"S": "req_2"}}, {}, Standing(ID, "left_alone")),
        (None, {"taken": {ID}}, Standing(ID, "purged", AT)),
        ({}, {"taken": {ID}}, Standing(ID, "restored")),
        ({"restored_from": {"S": "req_1"}}, {}, Standing(ID, "restored")),
        ({"restored_from": {"S": "req_2"}}, {}, Standing(ID, "left_alone")),
        (MINE | {"delete_request_id": {"S": "req_2"}}, {}, Standing(ID, "left_alone")),
        # Deleted anew after it was restored, by the request that repeats this one's id at another time.
        (MINE | {"deleted_at": {"S": "2026-05-02T00:00:00.000Z"}}, {}, Standing(ID, "left_alone")),
        (None, {}, Standing(ID, "left_alone")),
        ({}, {}, Standing(ID, "left_alone")),
        ({}, {"deletion": None, "progress": Progress.PLANNED}, Standing(ID, "planned")),
        (
            {},
            {"deletion": None, "progress": Progress.PLANNED, "plan_expires_at": AT},
            Standing(ID, "left_alone"),
        ),
    ],
)
def test_flags_tell_what_became_of_a_message_and_the_record_what_they_no_longer_can(
    row: dict[str, Any] | None, known: dict[str, Any], standing: Standing
) -> None:
    assert standings(record(**known), rows(row)) == [standing]


@pytest.mark.parametrize(
    ("known", "standing"),
    [
        ({"progress": Progress.EXECUTING}, Standing(ID, "planned", doubtful=True)),
        ({"doubtful": {ID}}, Standing(ID, "planned", doubtful=True)),
        ({}, Standing(ID, "left_alone")),
    ],
)
def test_while_a_function_may_be_at_work_its_messages_may_still_be_deleted(
    known: dict[str, Any], standing: Standing
) -> None:
    assert standings(record(busy_until=busy(), **known), rows({})) == [standing]
    assert standings(record(busy_until=AT, **known), rows({})) == [Standing(ID, "left_alone")]


def test_what_was_flagged_is_seen_from_the_rows_alone() -> None:
    about = [message_id(number) for number in range(5)]
    seen = [MINE, {"restored_from": {"S": "req_1"}}, {}, {"purged_at": {"S": AT}} | MINE]

    found = flagged(
        record(ids=about), {f"INBOUND#acc_1#{each}": row for each, row in zip(about, seen, strict=False)}
    )

    assert found == {about[0], about[1], about[3]}
    assert flagged(record(deletion=None), rows(MINE)) == set()


def test_messages_are_counted_by_what_became_of_them() -> None:
    found = [
        *[Standing("a", "deleted", AT)] * 2,
        *[Standing("b", "restored")] * 3,
        *[Standing("c", "purged", AT)] * 4,
        *[Standing("d", "planned", doubtful=True)] * 5,
        *[Standing("e", "left_alone")] * 6,
    ]

    assert counts(found) == {"deleted": 2, "restored": 3, "purged": 4, "in_doubt": 5}
    assert counts([]) == {"deleted": 0, "restored": 0, "purged": 0, "in_doubt": 0}
