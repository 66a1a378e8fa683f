"""The promises of the handlers' tests at full size, through HTTP, with several requests at once."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hookbridge.types import DeleteAllResult

from tests.engines.tenant import Tenant

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.engine

MESSAGES = int(os.environ.get("LARGE_ACCOUNT", "100_000"))
EVERY = MESSAGES // 1111


@pytest.fixture
def tenant(api: str, dynamodb: "DynamoDBClient") -> Tenant:  # noqa: ARG001 - the API makes the table
    return Tenant(dynamodb)


def test_a_thousand_of_very_many_are_deleted_and_no_other(tenant: Tenant, api: str) -> None:
    """Rather more than a thousand of them are queued: each that is EVERY after another."""
    tenant.load(
        tenant.message(number, status="queued" if number % EVERY == 0 else "succeeded")
        for number in range(MESSAGES)
    )

    with tenant.client(api) as hookbridge:
        result = hookbridge.delete_inbound_messages_all(status="queued")

    last = 1000 * EVERY
    assert result.error is None
    assert result.deleted_message_ids == [tenant.id(number) for number in range(0, last, EVERY)]
    assert tenant.flagged(range(0, last, EVERY)).total() == 1000
    assert set(tenant.flagged(range(last, MESSAGES))) == {""}
    assert set(tenant.flagged(range(1, last, EVERY))) == {""}


@pytest.mark.parametrize("requests", [2, 8])
def test_identical_requests_at_once_share_the_rows_without_overlap(
    tenant: Tenant, api: str, requests: int
) -> None:
    tenant.load(tenant.message(number) for number in range(1000))

    def delete(_: int) -> DeleteAllResult:
        with tenant.client(api) as hookbridge:
            return hookbridge.delete_inbound_messages_all()

    with ThreadPoolExecutor(requests) as pool:
        results = list(pool.map(delete, range(requests)))

    assert [result.error for result in results] == [None] * requests
    reported = [message_id for result in results for message_id in result.deleted_message_ids]
    assert sorted(reported) == [tenant.id(number) for number in range(1000)]
    committed = tenant.flagged(range(1000))
    assert sorted(committed.values()) == sorted(result.deleted for result in results if result.deleted)
