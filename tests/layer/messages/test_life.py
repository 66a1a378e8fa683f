"""What the library puts, moves and reads, and what it says of what was deleted."""

from datetime import timedelta
from typing import Any

import pytest

from delete_inbound_message import handler as delete_one
from delete_inbound_messages import handler as delete_inbound
from expunge import timestamps
from expunge.messages import AlreadyDeleted, Messages, NotFound, Unreadable
from expunge.table import keys
from purge import handler as purge
from tests.layer.messages.records import INBOUND_1, ONE, PUBLISHED, SPOKEN, timetokens_of
from tests.world import (
    ACCOUNT,
    INBOUND,
    LINKED,
    OUTBOUND,
    PULL,
    SUB_KEY,
    Context,
    World,
    at,
    call,
    message_id,
)


def inbound(number: int, **fields: Any) -> dict[str, Any]:
    return INBOUND_1 | {"id": message_id(number), "received_at": at(number)} | fields


@pytest.mark.parametrize(
    ("record", "identity"),
    [
        (INBOUND_1 | {"version": 7}, ONE),
        (
            {
                "kind": "outbound_message",
                **ONE,
                "endpoint_id": OUTBOUND,
                "status": "queued",
                "created_at": at(1),
                "payload": None,
            },
            ONE,
        ),
        (
            {
                "kind": "pull_event",
                **ONE,
                "pull_endpoint_id": PULL,
                "event_type": "x",
                "status": "stored",
                "received_at": at(1),
            },
            ONE | {"pull_endpoint_id": PULL},
        ),
        (
            {
                "kind": "linked_message",
                "account_id": ACCOUNT,
                "id": LINKED,
                "linked_account_id": "la_1",
                "provider_message_id": "wamid.1",
                "sent_at": at(0),
                "payload": 0,
            },
            {"account_id": ACCOUNT, "id": LINKED},
        ),
        (PUBLISHED, SPOKEN),
    ],
    ids=lambda value: str(value.get("kind", "")),
)
def test_what_was_put_is_got(messages: Messages, record: dict[str, Any], identity: dict[str, str]) -> None:
    kind = record["kind"]
    assert messages.get(kind, **identity) is None
    assert messages.is_deleted(kind, **identity) is False
    assert messages.put(record) is True
    assert messages.get(kind, **identity) == record
    assert messages.is_deleted(kind, **identity) is False


def test_a_deleted_message_is_gone_for_readers_and_closed_to_writers(messages: Messages) -> None:
    messages.put(INBOUND_1)
    call(delete_inbound)
    assert messages.get("inbound_message", **ONE) is None
    assert messages.is_deleted("inbound_message", **ONE) is True
    with pytest.raises(AlreadyDeleted):
        messages.put(INBOUND_1 | {"version": 9})
    with pytest.raises(AlreadyDeleted):
        messages.set_status("inbound_message", status="succeeded", **ONE)


def test_a_purged_message_is_remembered(messages: Messages) -> None:
    messages.put(INBOUND_1)
    call(delete_inbound)
    with pytest.MonkeyPatch.context() as patch:
        now = timestamps.now() + timedelta(days=31)
        patch.setattr(timestamps, "now", lambda: now)
        assert purge({}, Context())["purged"] == 1
    assert messages.is_deleted("inbound_message", **ONE) is True
    assert messages.get("inbound_message", **ONE) is None
    with pytest.raises(AlreadyDeleted):
        messages.put(INBOUND_1)


def test_a_restored_message_is_back_and_says_so(messages: Messages) -> None:
    messages.put(INBOUND_1)
    request_id = call(delete_inbound).headers["x-request-id"]
    assert messages.restore(request_id, account_id=ACCOUNT) == 1
    assert messages.restore(request_id, account_id=ACCOUNT) == 0
    found = messages.get("inbound_message", **ONE)
    assert found is not None
    assert (found.pop("restored_by"), bool(found.pop("restored_at"))) == ("operator", True)
    assert found == INBOUND_1


def test_another_accounts_deletion_is_not_found(messages: Messages) -> None:
    messages.put(INBOUND_1)
    request_id = call(delete_inbound).headers["x-request-id"]
    with pytest.raises(NotFound):
        messages.restore(request_id, account_id="acc_2")
    with pytest.raises(NotFound):
        messages.restore(request_id, sub_key=SUB_KEY)


def test_a_status_moves_the_message_in_both_indexes_and_changes_nothing_else(
    world: World, messages: Messages
) -> None:
    messages.put(INBOUND_1 | {"version": 1})
    [before] = world.items()
    assert messages.set_status("inbound_message", status="succeeded", version=2, **ONE) is True
    [after] = world.items()
    world.store.client.delete_item(
        TableName=world.store.table, Key={"pk": {"S": before["pk"]}, "sk": {"S": keys.MESSAGE}}
    )
    messages.put(INBOUND_1 | {"version": 2, "status": "succeeded"})
    assert [after] == world.items()
    assert before["status"] == "queued"


@pytest.mark.parametrize(
    ("stored", "given", "changed"), [(None, None, True), (1, 2, True), (2, 2, False), (1, None, False)]
)
def test_a_status_of_no_newer_version_changes_nothing(
    world: World, messages: Messages, stored: int | None, given: int | None, *, changed: bool
) -> None:
    messages.put(INBOUND_1 | ({} if stored is None else {"version": stored}))
    before = world.items()
    assert messages.set_status("inbound_message", status="succeeded", version=given, **ONE) is changed
    assert (world.items() == before) is not changed


def test_a_status_of_no_message_is_not_found(messages: Messages) -> None:
    with pytest.raises(NotFound):
        messages.set_status("inbound_message", status="succeeded", **ONE)


def test_the_living_come_oldest_first_by_the_filters_of_delete_all(messages: Messages) -> None:
    for number in (3, 1, 2):
        messages.put(inbound(number))
    messages.put(inbound(4, status="succeeded"))
    messages.put(inbound(5, account_id="acc_2"))

    def ids(**filters: Any) -> list[str]:
        return [each["id"] for each in messages.live("inbound_message", account_id=ACCOUNT, **filters)]

    assert ids() == [message_id(n) for n in (1, 2, 3, 4)]
    assert ids(status="queued", limit=2) == [message_id(n) for n in (1, 2)]
    assert ids(inbound_endpoint_id=INBOUND, received_after=at(2), received_before=at(4)) == [
        message_id(n) for n in (2, 3)
    ]
    assert ids(inbound_endpoint_id=OUTBOUND) == []


def test_a_channels_stretch_is_as_the_api_has_it(world: World, messages: Messages) -> None:
    world.channel_messages("ch1", 1, 2, 3, 4)
    assert timetokens_of(messages, start="4", end="2") == [2, 3]
    assert timetokens_of(messages, start="3") == [1, 2]
    assert timetokens_of(messages, start="3", end="3") == []


def test_what_is_deleted_or_moved_while_the_living_are_read_is_not_shown(messages: Messages) -> None:
    for number in range(60):
        messages.put(inbound(number))
    reading = messages.live("inbound_message", account_id=ACCOUNT, status="queued")
    next(reading)
    call(delete_one, path={"message_id": message_id(55)})
    messages.set_status("inbound_message", status="succeeded", account_id=ACCOUNT, id=message_id(56))
    left = [each["id"] for each in reading]
    assert left == [message_id(n) for n in range(1, 60) if n not in (55, 56)]


def damaged(world: World, update: str, **values: str) -> None:
    """What a writer leaves behind who keeps to no rules."""
    more: Any = {}
    if "#status" in update:
        more["ExpressionAttributeNames"] = {"#status": "status"}
    if values:
        more["ExpressionAttributeValues"] = {f":{name}": {"S": text} for name, text in values.items()}
    world.store.client.update_item(
        TableName=world.store.table,
        Key={"pk": {"S": keys.message("INBOUND", ACCOUNT, message_id(1))}, "sk": {"S": keys.MESSAGE}},
        UpdateExpression=update,
        **more,
    )


@pytest.mark.parametrize(
    ("update", "values"),
    [
        ("REMOVE kind", {}),
        ("REMOVE account_id", {}),
        ("REMOVE #status", {}),
        ("SET version = :text", {"text": "5"}),
        ("SET received_at = :text", {"text": "yesterday"}),
        ("SET kind = :text", {"text": "postcard"}),
        ("SET kind = :text", {"text": "linked_message"}),
    ],
)
def test_a_record_that_cannot_be_read_is_told_as_that(
    world: World, messages: Messages, update: str, values: dict[str, str]
) -> None:
    messages.put(INBOUND_1)
    damaged(world, update, **values)
    before = world.items()

    with pytest.raises(Unreadable, match="`expunge check`"):
        messages.set_status("inbound_message", status="succeeded", version=6, **ONE)
    assert world.items() == before
    if "received_at" not in update:
        with pytest.raises(Unreadable):
            messages.get("inbound_message", **ONE)
    assert messages.is_deleted("inbound_message", **ONE) is False


@pytest.mark.parametrize("content", [{}, {"payload": {"S": "1"}}, {"payload": {"B": b"no zlib"}}])
def test_content_that_cannot_be_read_keeps_no_other_message_from_being_listed(
    world: World, messages: Messages, content: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2, 3):
        messages.put(inbound(number))
    pk = keys.message("INBOUND", ACCOUNT, message_id(2))
    world.store.client.put_item(
        TableName=world.store.table, Item={"pk": {"S": pk}, "sk": {"S": keys.CONTENT}, **content}
    )

    with pytest.raises(Unreadable):
        messages.get("inbound_message", account_id=ACCOUNT, id=message_id(2))
    listed = messages.live("inbound_message", account_id=ACCOUNT)
    assert [each["id"] for each in listed] == [message_id(1), message_id(3)]
    assert [record.getMessage() for record in caplog.records] == [
        f"A message that cannot be read was passed over: {pk}"
    ]


@pytest.mark.parametrize("place", ["state_pk, state_sk, group_pk", "group_pk"])
def test_a_status_mends_a_place_that_is_lacking(world: World, messages: Messages, place: str) -> None:
    messages.put(INBOUND_1 | {"status": "succeeded"})
    [right] = world.items()
    messages.put(INBOUND_1)
    damaged(world, f"REMOVE {place}")

    assert messages.set_status("inbound_message", status="succeeded", **ONE) is True
    assert world.items() == [right]
