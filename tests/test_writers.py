"""The examples of docs/writers.md work: they store what the library stores, which the API then deletes."""

import base64
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from delete_channel_history import handler as delete_history
from delete_inbound_messages import handler as delete_inbound
from delete_message import handler as delete_message
from delete_outbound_messages import handler as delete_outbound
from delete_pull_events import handler as delete_pull
from expunge import settings, timestamps
from expunge.linked import providers
from expunge.messages import Messages
from purge import handler as purge
from tests.pages import blocks
from tests.test_docs import ROOT
from tests.world import Context, World, call

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BLOCKS = [json.loads(text) for text in blocks((ROOT / "docs" / "writers.md").read_text(), "json")]
RECORDS = [block for block in BLOCKS if "kind" in block]
TRANSACTIONS = [block for block in BLOCKS if isinstance(block, list)]
[STATUS] = [block for block in BLOCKS if "UpdateExpression" in block]

ACCOUNT = "acc_1"
IDENTITY = ("account_id", "id", "pull_endpoint_id", "sub_key", "channel", "timetoken")


def decoded(value: Any) -> Any:
    """Binary values as the SDK takes them; the CLI takes them in base64."""
    match value:
        case {"B": str(text)}:
            return {"B": base64.b64decode(text)}
        case dict():
            return {name: decoded(each) for name, each in value.items()}
        case list():
            return [decoded(each) for each in value]
        case _:
            return value


def transact(dynamodb: "DynamoDBClient", transaction: Sequence[Any]) -> None:
    dynamodb.transact_write_items(TransactItems=decoded(transaction))


def identity(record: dict[str, Any]) -> dict[str, Any]:
    return {field: record[field] for field in IDENTITY if field in record}


def stored(dynamodb: "DynamoDBClient") -> list[Any]:
    items: Any = dynamodb.scan(TableName="expunge")["Items"]
    messages = [item for item in items if item["sk"]["S"] in ("MESSAGE", "CONTENT")]
    for item in messages:
        item.pop("stored_at", None)
    return sorted(messages, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def test_there_is_an_example_of_every_kind() -> None:
    assert sorted(record["kind"] for record in RECORDS) == [
        "channel_message",
        "inbound_message",
        "linked_message",
        "outbound_message",
        "pull_event",
    ]
    assert len(RECORDS) == len(TRANSACTIONS)


@pytest.fixture
def empty(world: World) -> "DynamoDBClient":
    return world.store.client


@pytest.mark.parametrize(
    ("record", "transaction"),
    list(zip(RECORDS, TRANSACTIONS, strict=True)),
    ids=[record["kind"] for record in RECORDS],
)
def test_an_example_stores_what_the_library_stores(
    empty: "DynamoDBClient", record: dict[str, Any], transaction: list[Any]
) -> None:
    transact(empty, transaction)
    by_hand = stored(empty)
    for item in by_hand:
        empty.delete_item(TableName="expunge", Key={name: item[name] for name in ("pk", "sk")})
    messages = Messages("expunge", empty)
    messages.put(record)
    assert by_hand == stored(empty)
    assert messages.get(record["kind"], **identity(record)) == record
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        transact(empty, transaction)


def test_the_example_of_a_status_moves_the_message_as_the_library_does(empty: "DynamoDBClient") -> None:
    messages = Messages("expunge", empty)
    record = RECORDS[0]
    messages.put(record)
    empty.update_item(**STATUS)
    by_hand = stored(empty)
    empty.delete_item(TableName="expunge", Key=STATUS["Key"])
    messages.put(record)
    messages.set_status(record["kind"], status="succeeded", version=2, **identity(record))
    assert by_hand == stored(empty)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        empty.update_item(**STATUS)


def test_the_example_in_python_keeps_a_message_and_is_told_when_it_is_deleted(world: World) -> None:
    [example] = blocks((ROOT / "docs" / "writers.md").read_text(), "python")
    told = example.replace("    ...", '    told.append("deleted")')
    assert told != example
    names: dict[str, Any] = {"told": []}
    exec(told, names)  # noqa: S102 - our own page's
    record = names["record"]
    kept = names["messages"].get("inbound_message", **identity(record))
    assert (kept["status"], kept["payload"]) == ("succeeded", record["payload"])
    assert names["told"] == []

    world.api_key(account_id=record["account_id"])
    assert call(delete_inbound).data["deleted"] == 1
    exec(told, names)  # noqa: S102 - our own page's
    assert names["told"] == ["deleted"]


def test_the_examples_live_the_life_of_a_message(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every example, then delete, restore, delete again and purge what they stored."""
    messages = Messages("expunge", world.store.client)
    world.api_key(account_id=ACCOUNT)
    world.keyset(sub_key="sub-c-1")
    world.linked_account()
    world.pull_endpoint(account_id=ACCOUNT, endpoint_id="01961e00-0000-7000-8000-000000000002")
    monkeypatch.setattr(providers, "provider_key", lambda _: "key")
    monkeypatch.setattr(providers, "_ask", lambda *_: providers.Answer(200, None, None))
    monkeypatch.setenv("WHATSAPP_BASE_URL", "https://provider.example")
    monkeypatch.setenv("WHATSAPP_KEY_NAME", "/key")
    settings.provider.cache_clear()
    for transaction in TRANSACTIONS:
        transact(world.store.client, transaction)

    for _ in range(2):
        requests = {
            "inbound_message": call(delete_inbound),
            "outbound_message": call(delete_outbound),
            "pull_event": call(delete_pull, path={"id": "01961e00-0000-7000-8000-000000000002"}),
            "channel_message": call(delete_history, path={"sub_key": "sub-c-1", "channels": "ch1"}),
        }
        for record in RECORDS:
            if record["kind"] in requests:
                reply = requests[record["kind"]]
                assert reply.status == 200
                assert messages.is_deleted(record["kind"], **identity(record))
                channel = record["kind"] == "channel_message"
                owner = {"sub_key": "sub-c-1"} if channel else {"account_id": ACCOUNT}
                assert messages.restore(reply.headers["x-request-id"], **owner) == 1
                found = messages.get(record["kind"], **identity(record))
                assert found is not None
                assert found | record == found
    call(delete_inbound)
    call(delete_outbound)
    call(delete_pull, path={"id": "01961e00-0000-7000-8000-000000000002"})
    call(delete_history, path={"sub_key": "sub-c-1", "channels": "ch1"})
    [linked] = [record for record in RECORDS if record["kind"] == "linked_message"]
    headers = {"x-api-key": "hb_live_1"}
    assert call(delete_message, path={"message_id": linked["id"]}, headers=headers).status == 200
    now = timestamps.now() + timedelta(days=31)
    monkeypatch.setattr(timestamps, "now", lambda: now)
    assert purge({}, Context())["purged"] == len(RECORDS)
    assert all("purged_at" in item for item in stored(world.store.client))
    for transaction in TRANSACTIONS:
        with pytest.raises(ClientError, match="ConditionalCheckFailed"):
            transact(world.store.client, transaction)
    settings.provider.cache_clear()
