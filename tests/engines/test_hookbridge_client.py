"""HookBridge's own client, unmodified, against the running service."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hookbridge import AuthenticationError, HookBridge, HookBridgeError, NotFoundError

from tests.engines.tenant import Tenant

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.slow


@pytest.fixture
def tenant(api: str, dynamodb: "DynamoDBClient") -> Tenant:  # noqa: ARG001 - the API makes the table
    return Tenant(dynamodb)


@pytest.fixture
def hookbridge(tenant: Tenant, api: str) -> Iterator[HookBridge]:
    with tenant.client(api) as client:
        yield client


def test_inbound_messages_are_deleted_by_every_filter(tenant: Tenant, hookbridge: HookBridge) -> None:
    tenant.load(
        tenant.message(number, status="queued" if number % 2 else "succeeded") for number in range(10)
    )

    result = hookbridge.delete_inbound_messages_all(
        status="queued,succeeded",
        inbound_endpoint_id=tenant.inbound,
        received_after=datetime(2026, 4, 1, 0, 0, 2, tzinfo=UTC),
        received_before="2026-04-01T02:00:08+02:00",
        limit=5,
    )

    assert result.deleted == 5
    assert result.deleted_message_ids == [tenant.id(number) for number in range(2, 7)]
    assert result.error is None
    assert hookbridge.delete_inbound_messages_all().deleted == 5


def test_pull_events_are_deleted_by_type_and_by_id(tenant: Tenant, hookbridge: HookBridge) -> None:
    tenant.load(tenant.event(number, event_type=f"order.{number % 2}") for number in range(4))

    result = hookbridge.delete_pull_events_all(tenant.pull, status="stored", event_type="order.1")
    assert result.deleted_event_ids == [tenant.id(1), tenant.id(3)]

    batch = hookbridge.delete_pull_events_batch(tenant.pull, [tenant.id(1), tenant.id(2), tenant.id(9)])
    assert [item.outcome for item in batch.results] == ["already_deleted", "deleted", "not_found"]
    assert [item.deleted_at is None for item in batch.results] == [False, False, True]
    assert (batch.deleted_count, batch.already_deleted_count, batch.not_found_count) == (1, 1, 1)


def test_outbound_messages_are_deleted_by_every_filter(tenant: Tenant, hookbridge: HookBridge) -> None:
    tenant.load(
        tenant.outbound_message(number, status="queued" if number % 2 else "succeeded")
        for number in range(10)
    )

    result = hookbridge.delete_messages_all(
        status="queued,succeeded",
        endpoint_id=tenant.outbound,
        created_after=datetime(2026, 4, 1, 0, 0, 2, tzinfo=UTC),
        created_before="2026-04-01T02:00:08+02:00",
        limit=5,
    )

    assert result.deleted_message_ids == [tenant.id(number) for number in range(2, 7)]
    assert result.error is None
    assert hookbridge.delete_messages_all().deleted == 5


def test_messages_of_both_directions_are_deleted_by_their_ids(tenant: Tenant, hookbridge: HookBridge) -> None:
    for load, delete in (
        (tenant.message, hookbridge.delete_inbound_messages_batch),
        (tenant.outbound_message, hookbridge.delete_messages_batch),
    ):
        tenant.load(load(number) for number in range(2))

        batch = delete([tenant.id(0), tenant.id(0), tenant.id(9), tenant.id(1)])

        assert [item.outcome for item in batch.results] == [
            "deleted",
            "already_deleted",
            "not_found",
            "deleted",
        ]
        assert [item.message_id for item in batch.results] == [tenant.id(n) for n in (0, 0, 9, 1)]
        assert (batch.deleted_count, batch.already_deleted_count, batch.not_found_count) == (2, 1, 1)


def test_a_single_message_is_deleted_once_and_keeps_its_time(tenant: Tenant, hookbridge: HookBridge) -> None:
    for load, delete in (
        (tenant.message, hookbridge.delete_inbound_message),
        (tenant.outbound_message, hookbridge.delete_message),
    ):
        tenant.load([load(1)])

        first, again = delete(tenant.id(1)), delete(tenant.id(1))

        assert first.message_id == tenant.id(1)
        assert (first.already_deleted, again.already_deleted) == (False, True)
        assert first.deleted_at == again.deleted_at
        with pytest.raises(NotFoundError, match="Message not found"):
            delete(tenant.id(2))


def test_a_single_event_is_deleted_once_and_keeps_its_time(tenant: Tenant, hookbridge: HookBridge) -> None:
    tenant.load([tenant.event(1)])

    first = hookbridge.delete_pull_event(tenant.pull, tenant.id(1))
    again = hookbridge.delete_pull_event(tenant.pull, tenant.id(1))

    assert (first.event_id, first.already_deleted, again.already_deleted) == (tenant.id(1), False, True)
    assert first.deleted_at == again.deleted_at
    with pytest.raises(NotFoundError, match="Event not found"):
        hookbridge.delete_pull_event(tenant.pull, tenant.id(2))


def test_a_wrong_key_is_an_authentication_error(api: str) -> None:
    with HookBridge("hb_wrong", base_url=api) as stranger, pytest.raises(AuthenticationError) as raised:
        stranger.delete_inbound_messages_all()
    assert raised.value.request_id is not None
    assert raised.value.request_id.startswith("req_")


def test_an_unknown_pull_endpoint_is_a_not_found_error(hookbridge: HookBridge) -> None:
    with pytest.raises(NotFoundError, match="Pull endpoint not found"):
        hookbridge.delete_pull_events_all("01935abc-def0-7123-4567-890abcdef012")


def test_a_wrong_filter_is_a_client_error_that_names_it(hookbridge: HookBridge) -> None:
    with pytest.raises(HookBridgeError, match="limit must be a whole number from 1 to 1000") as raised:
        hookbridge.delete_inbound_messages_all(limit=1001)
    assert (raised.value.status_code, raised.value.code) == (400, "INVALID_REQUEST")
