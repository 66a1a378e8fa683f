"""What is left of a purged message: enough that nothing brings it back, and nothing else."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cli.dump import dump_lines
from cli.load import load_files
from delete_channel_history import handler as delete_history
from delete_inbound_message import handler as delete_inbound
from delete_inbound_message_batch import handler as delete_inbound_batch
from delete_inbound_messages import handler as delete_all
from delete_message import handler as delete_message
from delete_outbound_message_batch import handler as delete_outbound_batch
from delete_pull_event import handler as delete_event
from delete_pull_event_batch import handler as delete_event_batch
from expunge import timestamps
from expunge.settings import settings as environment
from expunge.table import keys
from expunge.table.store import store
from purge import handler as purge
from restore_deletion import handler as restore
from tests.clock import Clock
from tests.deletions import look, restored, states, stop_before
from tests.failing import LOST
from tests.world import ACCOUNT, INBOUND, LINKED, PULL, SUB_KEY, Context, Reply, World, at, call, message_id

DELETION = {
    "deleted_at": "2025-05-02T12:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2025-06-01T12:00:00.000Z",
}

Logged = Callable[[], list[dict[str, Any]]]


def purge_all(world: World) -> int:
    """Remove all that is deleted, whenever it is due."""
    del world
    result = purge({"time": "2999-01-01T00:00:00Z", "force": True}, Context())
    return int(result["purged"])


def purged_of_all_families(world: World) -> list[dict[str, Any]]:
    """Messages of every family that were deleted and are purged; their records, living."""
    records: list[dict[str, Any]] = [
        {
            "kind": "inbound_message",
            "inbound_endpoint_id": PULL,
            "status": "queued",
            "received_at": "2026-04-01T00:00:00Z",
        },
        {
            "kind": "outbound_message",
            "endpoint_id": PULL,
            "status": "queued",
            "created_at": "2026-04-01T00:00:00Z",
        },
        {
            "kind": "pull_event",
            "pull_endpoint_id": PULL,
            "event_type": "a",
            "status": "stored",
            "received_at": "2026-04-01T00:00:00Z",
        },
        {
            "kind": "linked_message",
            "id": LINKED,
            "linked_account_id": "la_1",
            "provider_message_id": "1",
            "sent_at": "2026-04-01T00:00:00Z",
        },
        {"kind": "channel_message", "sub_key": SUB_KEY, "channel": "ch#1", "timetoken": "17000000000000000"},
    ]
    for record in records:
        record["payload"] = {"text": "do not keep this"}
        if "sub_key" not in record:
            record["account_id"] = ACCOUNT
            record.setdefault("id", message_id(1))
        world.load(record | DELETION)
    assert purge_all(world) == len(records)
    return records


def test_all_that_is_left_is_the_deletion_and_the_time_and_it_goes_by_itself(
    world: World, clock: Clock
) -> None:
    purged_of_all_families(world)

    assert set(world.tombstones()) == {
        keys.message("INBOUND", ACCOUNT, message_id(1)),
        keys.message("OUTBOUND", ACCOUNT, message_id(1)),
        keys.pull_event(ACCOUNT, PULL, message_id(1)),
        keys.linked_message(ACCOUNT, LINKED),
        keys.channel_message(SUB_KEY, "ch#1", "0017000000000000000"),
    }
    for tombstone in world.tombstones().values():
        assert tombstone.pop("purge_mark")
        assert tombstone == {
            "sk": keys.MESSAGE,
            "delete_request_id": "req_1",
            # By the clock, whatever the time of the run.
            "purged_at": timestamps.millis(clock.began),
            "keep_until": str(int((clock.began + timedelta(days=35)).timestamp())),
        }
    items = world.store.client.scan(TableName="expunge")["Items"]
    assert keys.CONTENT not in {item["sk"]["S"] for item in items}
    assert "do not keep this" not in str(items)


def test_how_long_is_a_setting(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOMBSTONE_DAYS", "7")
    environment.cache_clear()
    try:
        world.message(1, **DELETION)
        purge_all(world)
    finally:
        environment.cache_clear()

    [tombstone] = world.tombstones().values()
    assert int(tombstone["keep_until"]) == int((clock.began + timedelta(days=7)).timestamp())


def test_nothing_remains_of_a_message_that_was_restored_and_claimed_and_deleted_again(world: World) -> None:
    world.api_key()
    world.message(1)
    first = call(delete_all)
    assert restored(first).data["restored"] == 1
    again = call(delete_all)
    world.store.client.update_item(
        TableName="expunge",
        Key={"pk": {"S": keys.message("INBOUND", ACCOUNT, message_id(1))}, "sk": {"S": keys.MESSAGE}},
        UpdateExpression=(
            "SET claim_id = :x, claim_until = :x, version = :one, stored_at = :x, erased_at = :x"
        ),
        ExpressionAttributeValues={":x": {"S": "x"}, ":one": {"N": "1"}},
    )

    assert purge_all(world) == 1
    [tombstone] = world.tombstones().values()
    assert set(tombstone) == {"sk", "purged_at", "purge_mark", "keep_until", "delete_request_id"}
    assert tombstone["delete_request_id"] == again.headers["x-request-id"]


def test_loading_the_same_file_again_brings_nothing_back(world: World, tmp_path: Path) -> None:
    world.api_key()
    records = purged_of_all_families(world)
    before = world.tombstones()
    file = tmp_path / "records.jsonl"
    file.write_text(
        "".join(json.dumps(record) + "\n" for record in [*records, *(each | DELETION for each in records)])
    )

    result = load_files(world.store.client, "expunge", [file])

    assert result.kept == 2 * len(records)
    assert world.tombstones() == before
    assert world.items() == []
    assert list(dump_lines(world.store.client, "expunge")) == []
    items = world.store.client.scan(TableName="expunge")["Items"]
    assert not [item for item in items if item["sk"]["S"] == keys.CONTENT]


BY_ID: list[Callable[[str], Reply]] = [
    lambda each: call(delete_inbound, path={"message_id": each}),
    lambda each: call(delete_message, path={"message_id": each}),
    lambda each: call(delete_event, path={"id": PULL, "event_id": each}),
    lambda each: call(delete_inbound_batch, body={"message_ids": [each]}),
    lambda each: call(delete_outbound_batch, body={"message_ids": [each]}),
    lambda each: call(delete_event_batch, path={"id": PULL}, body={"message_ids": [each]}),
    lambda each: call(
        delete_message,
        path={"message_id": LINKED if each == message_id(1) else f"{LINKED[:-1]}S"},
        headers={"x-api-key": "hb_live_1"},
    ),
]


@pytest.mark.parametrize("ask", BY_ID)
def test_a_call_by_id_answers_as_for_what_never_was(world: World, ask: Callable[[str], Reply]) -> None:
    world.api_key()
    world.pull_endpoint()
    purged_of_all_families(world)
    before = world.tombstones()

    after, never = ask(message_id(1)), ask(message_id(2))

    for reply in (after, never):
        reply.body.pop("instance", None)
        reply.body.pop("meta", None)
    said = json.dumps(after.body).replace(message_id(1), "ID")
    assert (after.status, said) == (never.status, json.dumps(never.body).replace(message_id(2), "ID"))
    assert after.status == 404 or after.body["data"]["not_found_count"] == 1
    assert world.tombstones() == before


def test_channel_history_is_not_deleted_again(world: World) -> None:
    world.keyset()
    purged_of_all_families(world)
    before = world.tombstones()

    assert call(delete_history, path={"sub_key": SUB_KEY, "channels": "ch%231"}).status == 200
    assert world.tombstones() == before


def test_a_restore_leaves_it_and_says_so(world: World) -> None:
    world.api_key()
    world.message(1)
    world.message(2, **DELETION)
    done = call(delete_all)
    purge_all(world)
    before = world.tombstones()

    assert restored(done).error[:2] == (409, "NOT_RESTORABLE")
    assert world.tombstones() == before
    assert len(before) == 2
    assert look(done).data["purged"] == 1


def test_what_a_function_flagged_that_died_counts_as_purged(world: World, clock: Clock) -> None:
    world.api_key()
    world.message(1)
    world.message(2)
    write = store().client.transact_write_items

    def flag_then_die(**arguments: Any) -> Any:
        write(**arguments)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as dying:
        dying.setattr(store().client, "transact_write_items", flag_then_die)
        stop_before(dying, "update_item", KeyboardInterrupt())
        stop_before(dying, "batch_get_item", KeyboardInterrupt())
        with suppress(KeyboardInterrupt):
            call(delete_all, query={"limit": "1"}, request_id="died")
    clock.run(300)
    purge_all(world)

    told = look("req_died").data
    assert (told["purged"], told["state"]) == (1, "done")


def test_a_deletion_by_id_that_comes_again_when_its_message_is_purged_knows_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's answer to the first got lost, and the purge was quicker than the repetition."""
    world.api_key()
    world.message(1)
    write = store().client.transact_write_items
    sent: list[Any] = []

    def lost_once(**arguments: Any) -> Any:
        sent.append(arguments)
        write(**arguments)
        if len(sent) == 1:
            monkeypatch.undo()
            purge_all(world)
            raise LOST

    monkeypatch.setattr(store().client, "transact_write_items", lost_once)
    reply = call(delete_inbound, path={"message_id": message_id(1)})

    assert (reply.status, reply.data["already_deleted"]) == (200, False)
    assert states(reply) == [{"id": message_id(1), "state": "purged", "deleted_at": reply.data["deleted_at"]}]


STEPS = ("put", "put again", "delete", "delete by id", "restore", "purge")


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 2)), min_size=4, max_size=14))
@settings(
    max_examples=4, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_queue_that_repeats_and_reorders_never_brings_anything_back(
    world: World, steps: list[tuple[str, int]]
) -> None:
    for item in world.store.client.scan(TableName="expunge")["Items"]:  # of another example
        key = {name: item[name] for name in ("pk", "sk")}
        world.store.client.delete_item(TableName="expunge", Key=key)
    account = Account(world, f"acc_{uuid4().hex}")
    for step, number in steps:
        account.play(step, number)
        assert account.found() == account.state


class Account:
    """Three messages, and what their states must be."""

    def __init__(self, world: World, account_id: str) -> None:
        self.world = world
        self.id = account_id
        self.headers = {"authorization": f"Bearer {account_id}"}
        self.deletions: list[str] = []
        self.state = ["never was"] * 3
        world.api_key(account_id, account_id)

    def found(self) -> list[str]:
        rows = {item["pk"]: "deleted" if "deleted_at" in item else "live" for item in self.world.items()}
        rows |= dict.fromkeys(self.world.tombstones(), "purged")
        pks = (keys.message("INBOUND", self.id, message_id(each)) for each in range(3))
        return [rows.get(pk, "never was") for pk in pks]

    def play(self, step: str, number: int) -> None:
        if step == "purge":
            assert purge_all(self.world) == self.state.count("deleted")
            self.state = ["purged" if each == "deleted" else each for each in self.state]
        elif step == "delete":
            self._note(call(delete_all, headers=self.headers))
            self.state = ["deleted" if each == "live" else each for each in self.state]
        elif step == "delete by id":
            self._note(call(delete_inbound, path={"message_id": message_id(number)}, headers=self.headers))
            self.state[number] = {"live": "deleted"}.get(self.state[number], self.state[number])
        elif step == "restore" and self.deletions:
            request_id = self.deletions[number % len(self.deletions)]
            reply = call(restore, path={"request_id": request_id}, headers=self.headers)
            for each in reply.body.get("data", {"restored_ids": []})["restored_ids"]:
                assert self.state[int(each[-1])] == "deleted"
                self.state[int(each[-1])] = "live"
        elif step.startswith("put"):
            record = {"kind": "inbound_message", "account_id": self.id, "id": message_id(number)}
            record |= {"inbound_endpoint_id": INBOUND, "status": "queued", "received_at": at(number)}
            stored = self.world.offer(record | {"payload": step})
            assert stored == (self.state[number] in ("never was", "live"))
            self.state[number] = "live" if stored else self.state[number]

    def _note(self, reply: Reply) -> None:
        self.deletions.append(reply.headers["x-request-id"])
