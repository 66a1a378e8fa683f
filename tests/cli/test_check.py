"""What the check finds in a table and mends."""

from collections.abc import Callable
from typing import Any

import pytest

from cli.dynamodb import client as connect
from expunge.messages import Messages
from expunge.table import keys
from tests.cli.damage import (
    BIN,
    DELETED_AT,
    DELETION,
    PURGE_AT,
    Line,
    change,
    content,
    delete,
    everything,
    pk,
    put,
    remove,
    wrong,
)
from tests.clock import Clock
from tests.disturbances import LaggingIndex
from tests.world import ACCOUNT, INBOUND, LINKED, SUB_KEY, World, at, message_id


def test_what_the_service_keeps_in_its_table_is_no_fault(
    world: World, checked: Callable[..., tuple[int, list[Line]]]
) -> None:
    world.api_key()
    world.inbound_endpoint()
    world.keyset()
    world.auth_grant("auth", "ch1")
    world.linked_account()
    world.message(1)
    world.message(2, **DELETION)
    world.message(3, payload=None)
    world.message(4, restored_at=DELETED_AT, restored_by="key_1")
    world.event(5)
    world.outbound_message(6, **DELETION)
    world.linked_message()
    world.linked_message(id=LINKED.replace("01H", "02H"), **DELETION)
    world.channel_messages("ch#1", 17000000000000000)
    world.channel_messages("ch1", 17000000000000001, **DELETION)
    put(world, pk(7), keys.MESSAGE, purged_at={"S": PURGE_AT}, keep_until={"N": "1"})
    change(world, pk(2), "SET state_pk = :held", held=keys.parked(keys.bin_shard(pk(2))))
    put(world, "HOLD", "hold_1", reason={"S": "lawsuit"})
    put(world, keys.sweeps(SUB_KEY), "2026#req_1", state_pk={"S": keys.sweep_shard(SUB_KEY)})
    before = everything(world)

    assert checked("--mend") == (0, [])
    assert everything(world) == before


def test_content_without_a_living_record_is_deleted(
    world: World, checked: Callable[..., tuple[int, list[Line]]]
) -> None:
    world.message(1)
    world.message(2)
    remove(world, pk(2), keys.MESSAGE)
    put(world, pk(3), keys.MESSAGE, purged_at={"S": PURGE_AT}, keep_until={"N": "1"})
    put(world, pk(3), keys.CONTENT, **content())
    linked = keys.linked_message(ACCOUNT, LINKED)
    world.linked_message(**DELETION)
    put(world, linked, keys.CONTENT, **content())
    put(world, pk(4), keys.CONTENT, payload={"S": "no content of ours"})
    put(world, pk(5), keys.CONTENT)

    def found(*, mended: bool) -> list[Line]:
        return [
            wrong(pk(2), "CONTENT", "content without a record", mended=mended),
            wrong(pk(3), "CONTENT", "content of a message that was purged", mended=mended),
            wrong(pk(4), "CONTENT", "content without a record", mended=mended),
            wrong(pk(5), "CONTENT", "content without a record", mended=mended),
            wrong(linked, "CONTENT", "content of a message that was erased", mended=mended),
        ]

    before = everything(world)
    assert checked() == (1, found(mended=False))
    assert everything(world) == before

    assert checked("--mend") == (0, found(mended=True))
    gone = {
        (pk(2), "CONTENT"),
        (pk(3), "CONTENT"),
        (pk(4), "CONTENT"),
        (pk(5), "CONTENT"),
        (linked, "CONTENT"),
    }
    assert everything(world) == [each for each in before if (each["pk"]["S"], each["sk"]["S"]) not in gone]
    assert checked() == (0, [])


@pytest.mark.parametrize(
    "damage",
    [
        "REMOVE state_pk, state_sk",
        "SET state_pk = :place, state_sk = :order",
        "SET group_pk = :place",
        "SET state_sk = :order",
    ],
)
def test_flags_without_a_place_in_the_bin_are_put_there(
    world: World, checked: Callable[..., tuple[int, list[Line]]], damage: str
) -> None:
    world.message(1, **DELETION)
    before = everything(world)
    values = {"place": keys.live("INBOUND", ACCOUNT, INBOUND, "succeeded"), "order": at(1)}
    change(world, pk(1), damage, **{name: text for name, text in values.items() if f":{name}" in damage})

    fault = "flags without a place in the bin"
    assert checked() == (1, [wrong(pk(1), "MESSAGE", fault, mended=False)])
    assert checked("--mend") == (0, [wrong(pk(1), "MESSAGE", fault, mended=True)])
    assert everything(world) == before


@pytest.mark.parametrize("damage", ["SET #status = :new", "REMOVE state_pk, group_pk", "SET state_sk = :new"])
def test_a_place_that_disagrees_with_the_status_is_moved(
    world: World, checked: Callable[..., tuple[int, list[Line]]], damage: str
) -> None:
    world.message(1)
    change(world, pk(1), damage, **({"new": "queued"} if ":new" in damage else {}))

    fault = "a place that disagrees with the status"
    assert checked() == (1, [wrong(pk(1), "MESSAGE", fault, mended=False)])
    assert checked("--mend") == (0, [wrong(pk(1), "MESSAGE", fault, mended=True)])

    [item] = world.items()
    status = "queued" if "status" in damage else "succeeded"
    assert item["status"] == status
    assert item["state_pk"] == keys.live("INBOUND", ACCOUNT, INBOUND, status)
    assert item["state_sk"] == keys.live_order(at(1), message_id(1))
    shard = keys.account_shard(message_id(1))
    assert item["group_pk"] == keys.live_of_account("INBOUND", ACCOUNT, status, shard)
    assert world.live() == {message_id(1)}


def test_a_living_message_in_the_bin_is_put_among_the_living(
    world: World, checked: Callable[..., tuple[int, list[Line]]]
) -> None:
    world.channel_messages("ch1", 17000000000000000)
    before = everything(world)
    [item] = world.items()
    order = keys.bin_order(PURGE_AT, item["pk"])
    change(world, item["pk"], "SET state_pk = :bin, state_sk = :order", bin=BIN(item["pk"]), order=order)

    status, [line] = checked("--mend")
    assert (status, line["mended"]) == (0, True)
    assert everything(world) == before


def test_a_linked_message_that_lives_has_no_place(
    world: World, checked: Callable[..., tuple[int, list[Line]]]
) -> None:
    world.linked_message()
    before = everything(world)
    change(world, keys.linked_message(ACCOUNT, LINKED), "SET state_pk = :bin", bin="BIN#01")

    assert checked("--mend")[0] == 0
    assert everything(world) == before


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("REMOVE #kind", "its kind is none of messages"),
        ("REMOVE #status", 'inbound_message lacks "status"'),
        (
            "SET endpoint_id = :x",
            "inbound_endpoint_id must be a UUID such as 01961e00-0000-7000-8000-000000000001",
        ),
        ("SET account_id = :x", "its key is not that of its attributes"),
        (
            "SET received_at = :x",
            "received_at must be an RFC 3339 time with an offset, such as 2026-04-05T14:23:11Z",
        ),
        (
            "SET purge_at = received_at",
            'inbound_message lacks "deleted_at", which goes with the other fields of a deletion',
        ),
    ],
)
def test_a_record_that_cannot_be_read_is_only_reported(
    world: World, checked: Callable[..., tuple[int, list[Line]]], damage: str, why: str
) -> None:
    world.message(1)
    change(world, pk(1), damage, **({"x": "secret"} if ":x" in damage else {}))
    before = everything(world)

    fault = wrong(pk(1), "MESSAGE", f"a record that cannot be read: {why}", mended=False)
    assert checked("--mend") == (1, [fault])
    assert everything(world) == before


def test_a_date_that_the_purge_could_not_compare_is_reported(
    world: World, checked: Callable[..., tuple[int, list[Line]]]
) -> None:
    world.message(1, **DELETION)
    change(world, pk(1), "SET purge_at = :due", due="2026-05-02T00:00:00Z")

    why = "purge_at must be UTC to the millisecond, such as 2026-04-05T14:23:11.000Z"
    fault = wrong(pk(1), "MESSAGE", f"a record that cannot be read: {why}", mended=False)
    assert checked("--mend") == (1, [fault])


@pytest.mark.parametrize("text", [b"not JSON", b"[" * 400_000, b" " * 400_000 + b"1"])
def test_content_that_cannot_be_read_is_only_reported(
    world: World, checked: Callable[..., tuple[int, list[Line]]], text: bytes
) -> None:
    world.message(1)
    put(world, pk(1), keys.CONTENT, **content(text))

    fault = wrong(pk(1), "CONTENT", "content that cannot be read: it is no compressed JSON", mended=False)
    assert checked("--mend") == (1, [fault])


def test_content_beside_an_address_of_content_is_only_reported(
    world: World, checked: Callable[..., tuple[int, list[Line]]]
) -> None:
    world.message(1)
    change(world, pk(1), "SET content_url = :url", url="s3://bucket/1")
    before = everything(world)

    fault = wrong(
        pk(1), "CONTENT", "content beside a content_url: a message has one or the other", mended=False
    )
    assert checked("--mend") == (1, [fault])
    assert everything(world) == before


def test_a_lagging_index_is_no_fault_and_hides_none(
    world: World, checked: Callable[..., tuple[int, list[Line]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an index shows late, a check neither reports nor mends; it finds what is wrong at once."""
    for number in (1, 2, 3):
        world.message(number)
    LaggingIndex.installed(world, Clock(monkeypatch), monkeypatch, seconds=3600)
    store_again = {"kind": "inbound_message", "account_id": ACCOUNT, "id": message_id(4), "status": "queued"}
    world.offer(store_again | {"inbound_endpoint_id": INBOUND, "received_at": at(4), "payload": 4})
    delete(world)
    messages = Messages(world.store.table, world.store.client)
    messages.set_status("inbound_message", status="queued", account_id=ACCOUNT, id=message_id(2))
    before = everything(world)

    assert checked("--mend") == (0, [])
    assert everything(world) == before
    remove(world, pk(3), keys.MESSAGE)
    assert checked("--mend") == (0, [wrong(pk(3), "CONTENT", "content without a record", mended=True)])


def test_a_page_that_ends_between_content_and_record_shows_no_fault(
    world: World, checked: Callable[..., tuple[int, list[Line]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        world.message(number)

    def with_small_pages(url: str) -> Any:
        client: Any = connect(url)
        whole = client.scan
        monkeypatch.setattr(client, "scan", lambda **arguments: whole(**arguments, Limit=1))
        return client

    monkeypatch.setattr("cli.check.connect", with_small_pages)
    assert checked("--mend") == (0, [])
    assert len(everything(world)) == 10
