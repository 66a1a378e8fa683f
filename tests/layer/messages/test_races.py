"""A writer that races a deletion loses, and is told."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delete_inbound_message import handler as delete_one
from expunge import timestamps
from expunge.messages import AlreadyDeleted, Messages, NotFound
from expunge.table import keys
from purge import handler as purge
from tests.disturbances import intercept
from tests.layer.messages.records import INBOUND_1, ONE
from tests.world import ACCOUNT, INBOUND, Context, World, call, message_id

STEPS = ("delete", "restore", "purge", "status", "put")


class Others:
    """Deletes, restores and purges the one message, and changes it as another writer would."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        self.deleted_by: list[str] = []

    def do(self, step: str) -> None:
        match step:
            case "delete":
                reply = call(delete_one, path={"message_id": message_id(1)})
                if reply.status == 200 and not reply.data["already_deleted"]:
                    self.deleted_by.append(reply.headers["x-request-id"])
            case "restore" if self.deleted_by:
                self.messages.restore(self.deleted_by[-1], account_id=ACCOUNT)
            case "purge":
                with pytest.MonkeyPatch.context() as patch:
                    now = timestamps.now() + timedelta(days=31)
                    patch.setattr(timestamps, "now", lambda: now)
                    purge({}, Context())
            case "status" | "put":
                self.write(step)

    def write(self, what: str) -> bool:
        """Whether it was told that it succeeded."""
        try:
            if what == "put":
                return self.messages.put(INBOUND_1 | {"status": "delivering"})
            return self.messages.set_status("inbound_message", status="succeeded", **ONE)
        except (AlreadyDeleted, NotFound):
            return False


def state(world: World) -> tuple[str, dict[str, str], bool]:
    """Whether it is live, deleted or purged; its row, or what is left of that; and whether it has content."""
    items: Any = world.store.client.scan(TableName=world.store.table)["Items"]
    content = any(item["sk"]["S"] == keys.CONTENT for item in items)
    if tombstones := world.tombstones():
        [row] = tombstones.values()
        return "purged", row, content
    [row] = world.items()
    return "deleted" if "deleted_at" in row else "live", row, content


def _interleaved(world: World, messages: Messages, what: str, script: list[str]) -> None:
    """Write once, with a step of the others before each call that the writer makes."""
    others = Others(messages)
    messages.put(INBOUND_1)
    left = list(script)
    busy = False

    def meanwhile(make: Any, client: Any, operation: str, params: dict[str, Any]) -> Any:
        nonlocal busy
        if not busy and left:
            busy = True
            try:
                others.do(left.pop(0))
            finally:
                busy = False
        return make(client, operation, params)

    with pytest.MonkeyPatch.context() as patch:
        intercept(patch, meanwhile)
        told = others.write(what)
    after, row, content = state(world)
    assert told == (after == "live"), script
    if after == "live":
        assert row["status"] == ("delivering" if what == "put" else "succeeded")
        assert row["state_pk"] == keys.live("INBOUND", ACCOUNT, INBOUND, row["status"])
        assert row["group_pk"].startswith(f"LIVE#INBOUND#{ACCOUNT}#{row['status']}#")
        assert content
        assert ("restored_at" in row) == ("restored_by" in row) == bool(others.deleted_by)
    if after == "deleted":
        assert world.deleted() == {message_id(1)}
        assert content
    if after == "purged":
        assert set(row) == {"sk", "purged_at", "purge_mark", "keep_until", "delete_request_id"}
        assert not content


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(what=st.sampled_from(["put", "status"]), script=st.lists(st.sampled_from(STEPS), max_size=5))
def test_a_writer_never_undoes_a_deletion_and_is_always_told(
    world: World, messages: Messages, what: str, script: list[str]
) -> None:
    _emptied(world)
    _interleaved(world, messages, what, script)


@pytest.mark.engine
@settings(max_examples=300, derandomize=False, suppress_health_check=list(HealthCheck))
@given(what=st.sampled_from(["put", "status"]), script=st.lists(st.sampled_from(STEPS), max_size=6))
def test_a_writer_never_undoes_a_deletion_at_length(
    world: World, messages: Messages, what: str, script: list[str]
) -> None:
    _emptied(world)
    _interleaved(world, messages, what, script)


def _emptied(world: World) -> None:
    """Take away what an earlier example left."""
    for item in _messages(world):
        world.store.client.delete_item(
            TableName=world.store.table, Key={name: item[name] for name in ("pk", "sk")}
        )


def _messages(world: World) -> Iterator[Any]:
    for item in world.store.client.scan(TableName=world.store.table)["Items"]:
        if item["sk"]["S"] in (keys.MESSAGE, keys.CONTENT):
            yield item
