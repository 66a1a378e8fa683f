"""Nothing brings a purged message back, and callers are told as of one that never was."""

import json
from collections.abc import Callable
from pathlib import Path
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
from expunge.table import keys
from restore_deletion import handler as restore
from tests.functions.purged import DELETION, purge_all, purged_of_all_families
from tests.world import INBOUND, LINKED, PULL, SUB_KEY, Reply, World, at, call, message_id


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
