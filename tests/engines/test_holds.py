"""Holds on a real engine: what is held stays, and goes with the next run once it is released."""

from typing import TYPE_CHECKING

import pytest

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions import holding
from expunge.deletions.covered import Covered
from expunge.deletions.purging import remove_due
from expunge.table.store import Store
from tests.engines.due import DUE, bin_of
from tests.world import ACCOUNT, INBOUND, message_id

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.engine

NEVER = Deadline.never()
MESSAGES = 60


@pytest.mark.parametrize(
    ("covered", "kept"),
    [
        (Covered(account_id=ACCOUNT), MESSAGES),
        (Covered(account_id=ACCOUNT, endpoint_id=INBOUND), MESSAGES),
        (Covered(account_id=ACCOUNT, messages=(message_id(1), message_id(2))), 2),
        (Covered(account_id="acc_of_another"), 0),
    ],
    ids=["account", "endpoint", "messages", "another account"],
)
def test_what_is_held_stays_until_the_hold_is_released(
    dynamodb: "DynamoDBClient", covered: Covered, kept: int
) -> None:
    store = Store(dynamodb, bin_of(dynamodb, range(MESSAGES)))
    hold = holding.place(store, covered, reason="case 12", by="somebody", deadline=NEVER)
    assert [each.id for each in holding.listed(store, NEVER)] == [hold.id]

    for removed in (MESSAGES - kept, 0):
        purged = remove_due(store, timestamps.parse(DUE), 30, NEVER)
        assert (purged.removed, purged.held, purged.stopped) == (removed, kept, None)

    holding.release(store, hold.id, by="somebody", deadline=NEVER)
    purged = remove_due(store, timestamps.parse(DUE), 30, NEVER)
    assert (purged.removed, purged.held) == (kept, 0)
