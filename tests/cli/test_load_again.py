"""Loading what is there already: nothing deleted or revoked comes back, and the newest wins."""

from hashlib import sha256

from expunge.table import keys
from tests.cli.loading import DELETION, ENDPOINT, Files, counts, inbound, load, pk, pull, soft_delete, table
from tests.world import World


def test_loading_again_changes_nothing(world: World, file: Files) -> None:
    path = file(inbound(1, payload=1), pull(2), {"kind": "api_key", "key": "hb_1", "account_id": "acc_1"})
    first = load(world, path), table(world)
    assert (load(world, path), table(world)) == first


def test_loading_again_never_revives_a_deleted_message(world: World, file: Files) -> None:
    path = file(inbound(1, payload="old"), inbound(2), inbound(3))
    load(world, path)
    soft_delete(world, 1)
    deleted = {key: item for key, item in table(world).items() if key[0] == pk(1)}
    changed = file(
        inbound(1, payload="new", status="succeeded"),
        inbound(2, payload="new"),
        inbound(3, status="succeeded"),
    )
    assert counts(load(world, changed)) == ({"inbound_message": 3}, 1, 0)
    after = table(world)
    assert {key: item for key, item in after.items() if key[0] == pk(1)} == deleted
    assert after[pk(2), "CONTENT"] == {"payload": "new"}
    assert after[pk(3), "MESSAGE"]["state_pk"] == keys.live("INBOUND", "acc_1", ENDPOINT, "succeeded")


def test_a_table_of_deleted_messages_is_left_alone(world: World, file: Files) -> None:
    path = file(inbound(1, **DELETION), pull(2, **DELETION))
    load(world, path)
    before = table(world)
    assert counts(load(world, path)) == ({"inbound_message": 1, "pull_event": 1}, 2, 0)
    assert table(world) == before


def test_a_live_message_is_overwritten_and_loses_a_payload_that_the_line_lacks(
    world: World, file: Files
) -> None:
    load(world, file(inbound(1, payload="old")))
    load(world, file(inbound(1, status="succeeded")))
    assert {key: item["status"] for key, item in table(world).items()} == {(pk(1), "MESSAGE"): "succeeded"}


def test_loading_again_never_restores_a_revoked_key(world: World, file: Files) -> None:
    path = file({"kind": "api_key", "key": "hb_1", "account_id": "acc_1"})
    load(world, path)
    world.store.client.update_item(
        TableName=world.store.table,
        Key={"pk": {"S": keys.api_key(sha256(b"hb_1").hexdigest())}, "sk": {"S": keys.API_KEY}},
        UpdateExpression="SET revoked_at = :now",
        ExpressionAttributeValues={":now": {"S": "2026-05-01T00:00:00.000Z"}},
    )
    before = table(world)
    assert counts(load(world, path)) == ({"api_key": 1}, 0, 1)
    assert table(world) == before


def test_of_two_lines_of_one_message_the_last_one_wins(world: World, file: Files) -> None:
    result = load(world, file(inbound(1, payload=1), inbound(2), inbound(1, payload=2, status="succeeded")))
    assert result.records == 3
    assert table(world)[pk(1), "CONTENT"] == {"payload": 2}
    assert table(world)[pk(1), "MESSAGE"]["status"] == "succeeded"


def test_of_two_lines_of_one_message_a_deleted_one_stays(world: World, file: Files) -> None:
    result = load(world, file(inbound(1, **DELETION), inbound(1)))
    assert counts(result) == ({"inbound_message": 2}, 1, 0)
    assert table(world)[pk(1), "MESSAGE"]["deleted_at"] == DELETION["deleted_at"]


def test_messages_of_no_newer_version_are_counted(world: World, file: Files) -> None:
    result = load(world, file(inbound(1, version=2), inbound(1, version=2), inbound(2)))
    assert str(result) == "loaded 3 records: 3 inbound_message; 1 of no newer version, left as they are"
