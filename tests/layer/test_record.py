"""How a deletion's record stands in the table, attribute by attribute."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge import timestamps
from expunge.deletions.record import Progress, Record
from expunge.deletions.soft_delete import Deletion
from tests.world import message_id

DELETION = Deletion("req_1", "key_1", "2026-05-01T00:00:01.000Z", "2026-05-31T00:00:01.000Z")


def record(**fields: Any) -> Record:
    plain = Record(
        account_id="acc_1",
        id="req_1",
        family="inbound",
        requested_at="2026-05-01T00:00:00.000Z",
        requested_by="key_1",
        about={"filters": {"limit": 2}},
        prefix="INBOUND#acc_1#",
        keep_until=1_800_000_000,
    )
    return replace(plain, **fields)


def test_a_record_with_everything_is_written_so() -> None:
    ids = [message_id(number) for number in range(9)]

    written = record(
        ids=ids,
        progress=Progress.PARTIAL,
        deletion=DELETION,
        busy_until="2026-05-01T00:00:30.000Z",
        plan_expires_at="2026-05-02T00:00:00.000Z",
        taken={ids[0], ids[7], ids[8]},
        doubtful={ids[1]},
        already={ids[2]: "2026-04-01T00:00:00.000Z"},
        error={"code": "PARTIAL_DELETE_FAILURE", "message": "Stopped"},
        revision=3,
    ).item()

    assert written == {
        "pk": {"S": "DELETION#acc_1#req_1"},
        "sk": {"S": "DELETION"},
        "state_pk": {"S": "DELETIONS#acc_1"},
        "state_sk": {"S": "2026-05-01T00:00:00.000Z#req_1"},
        "group_pk": {"S": "DELETIONS#acc_1#inbound"},
        "account_id": {"S": "acc_1"},
        "request_id": {"S": "req_1"},
        "of_family": {"S": "inbound"},
        "requested_at": {"S": "2026-05-01T00:00:00.000Z"},
        "requested_by": {"S": "key_1"},
        "about": {"S": '{"filters":{"limit":2}}'},
        "prefix": {"S": "INBOUND#acc_1#"},
        "plan_expires_at": {"S": "2026-05-02T00:00:00.000Z"},
        "keep_until": {"N": "1800000000"},
        "revision": {"N": "3"},
        "progress": {"S": "partial"},
        "busy_until": {"S": "2026-05-01T00:00:30.000Z"},
        "flagged_at": {"S": "2026-05-01T00:00:01.000Z"},
        "flagged_by": {"S": "key_1"},
        "restorable_until": {"S": "2026-05-31T00:00:01.000Z"},
        "problem": {"S": '{"code":"PARTIAL_DELETE_FAILURE","message":"Stopped"}'},
        "already": {"S": f'{{"{ids[2]}":"2026-04-01T00:00:00.000Z"}}'},
        "ids": {"B": bytes.fromhex("".join(ids).replace("-", ""))},
        "taken": {"B": bytes([0b10000001, 0b10000000])},
        "doubtful": {"B": bytes([0b01000000, 0])},
    }


def test_what_a_record_lacks_is_left_out() -> None:
    assert set(record().item()) == {
        *("pk", "sk", "state_pk", "state_sk", "group_pk", "account_id", "request_id", "of_family"),
        *("requested_at", "requested_by", "about", "prefix", "keep_until", "revision", "progress"),
    }


IDS = st.lists(st.integers(0, 99).map(message_id), max_size=20, unique=True)


@given(IDS, st.data())
def test_a_record_is_read_as_it_was_written(ids: list[str], data: st.DataObject) -> None:
    some = st.sets(st.sampled_from(ids)) if ids else st.just(set())
    before = record(
        ids=ids,
        progress=data.draw(st.sampled_from(Progress)),
        deletion=data.draw(st.sampled_from([None, DELETION])),
        busy_until=data.draw(st.sampled_from([None, "2026-05-01T00:00:30.000Z"])),
        taken=data.draw(some),
        doubtful=data.draw(some),
        already=data.draw(st.sampled_from([{}, {message_id(1): "2026-04-01T00:00:00.000Z"}])),
        error=data.draw(st.sampled_from([None, {"code": "DELETE_FAILED", "message": "Stopped"}])),
        revision=data.draw(st.integers(0, 9)),
    )

    assert Record.of(before.item()) == replace(before, stored=True, took_some=bool(before.taken))


def later(seconds: float) -> str:
    return timestamps.millis(timestamps.now() + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"progress": Progress.PLANNED}, "planned"),
        ({"progress": Progress.PLANNED, "plan_expires_at": later(86_400)}, "planned"),
        ({"progress": Progress.PLANNED, "plan_expires_at": later(-86_400)}, "expired"),
        ({"progress": Progress.EXECUTING, "busy_until": later(86_400)}, "executing"),
        ({"progress": Progress.EXECUTING, "busy_until": later(-86_400)}, "partial"),
        ({"progress": Progress.EXECUTING}, "partial"),
        ({"progress": Progress.DONE, "plan_expires_at": later(-86_400)}, "done"),
        ({"progress": Progress.PARTIAL, "busy_until": later(-86_400)}, "partial"),
    ],
)
def test_time_alone_ends_plans_and_executions(fields: dict[str, Any], state: str) -> None:
    assert record(**fields).state == state


@pytest.mark.parametrize(
    ("fields", "restorable"),
    [
        ({}, False),
        ({"deletion": DELETION}, False),
        ({"deletion": DELETION, "taken": {message_id(1)}}, True),
        ({"deletion": DELETION, "took_some": True}, True),
        ({"deletion": DELETION, "busy_until": "2026-05-01T00:00:30.000Z"}, True),
        ({"deletion": DELETION, "about": {"channels": ["ch1"]}}, True),
    ],
)
def test_what_may_have_flagged_something_is_restorable_until_it_is_purged(
    *, fields: dict[str, Any], restorable: bool
) -> None:
    assert record(**fields).restorable_until == (DELETION.purge_at if restorable else None)
