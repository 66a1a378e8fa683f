"""Restores, purges and deletions in the midst of one another leave each message whole or gone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from threading import RLock
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from delete_channel_history import handler as delete_history
from delete_inbound_messages import handler as delete_all
from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions import purging
from expunge.deletions.restore import Restorer
from expunge.history import records, restoring
from expunge.table import at_once, keys, living
from expunge.table.flags import is_tombstone
from expunge.table.store import CLIENT_CONFIG, Store
from purge import handler as purge
from restore_deletion import handler as restore
from tests import shortcut
from tests.conftest import forget
from tests.disturbances import Call, intercept
from tests.world import SUB_KEY, Context, World, call

MESSAGES = 5
ACTIONS = ("purge", "restore", "delete", "restore history", "delete history")

actions = st.sampled_from(ACTIONS)
interruptions = st.dictionaries(st.integers(0, 60), actions, max_size=4)


class Service:
    """Carries out actions, some of them between two calls of the store that another one makes."""

    def __init__(self, world: World, interrupted: dict[int, str]) -> None:
        self.world = world
        self.purged = self.restored = 0
        self._interrupted = interrupted
        self._requests: list[str] = []
        self._history: list[str] = []
        self._calls = 0
        self._depth = 0
        self._lock = RLock()

    def act(self, action: str) -> None:
        match action:
            case "delete":
                self._requests.append(call(delete_all).headers["x-request-id"])
            case "delete history":
                path = {"sub_key": SUB_KEY, "channels": "ch"}
                self._history.append(call(delete_history, path=path).headers["x-request-id"])
            case "restore":
                for request_id in list(self._requests):
                    reply = call(restore, path={"request_id": request_id})
                    self.restored += reply.data["restored"] if reply.status == HTTPStatus.OK else 0
            case "restore history":
                for request_id in list(self._history):
                    self._restore_history(request_id)
            case _:
                later = timestamps.millis(timestamps.now() + timedelta(days=31))
                self.purged += purge({"time": later, "force": True}, Context())["purged"]

    def _restore_history(self, request_id: str) -> None:
        store, deadline = self.world.store, Deadline.never()
        record = records.find(store, SUB_KEY, request_id, deadline)
        assert record is not None
        assert record.deletion is not None
        restoring.end_sweep(store, SUB_KEY, request_id, 400, deadline)
        restorer = Restorer(f"restore_{self._calls}", "operator", timestamps.millis(timestamps.now()))
        for restored in restoring.restore_all(store, SUB_KEY, record.deletion, restorer, 30, deadline):
            self.restored += restored

    def interrupt(self, make: Call, client: Any, operation: str, params: dict[str, Any]) -> Any:
        with self._lock:
            number, self._calls = self._calls, self._calls + 1
            action = self._interrupted.get(number) if not self._depth else None
            self._depth += action is not None
        if action is not None:
            self.act(action)
            self._depth -= 1
        with self._lock:  # moto takes one call at a time
            return make(client, operation, params)


@contextmanager
def service(interrupted: dict[int, str]) -> Iterator[Service]:
    with shortcut.moto(), pytest.MonkeyPatch.context() as patch:
        client = boto3.client("dynamodb", config=CLIENT_CONFIG)
        shortcut.create_table(client, "expunge")
        world = World(Store(client, "expunge"))
        world.api_key()
        world.keyset()
        for number in range(MESSAGES):
            world.message(number)
        world.channel_messages("ch", *range(MESSAGES))
        for module in (at_once, purging, restoring):
            patch.setattr(module, "_AT_ONCE", 1)
        made = Service(world, interrupted)
        made.act("delete")
        made.act("delete history")
        intercept(patch, made.interrupt)
        try:
            yield made
        finally:
            forget()


@given(st.lists(actions, min_size=1, max_size=4), interruptions)
@settings(max_examples=3, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
def test_each_message_is_whole_or_gone(sequence: Sequence[str], interrupted: dict[int, str]) -> None:
    look_after(sequence, interrupted)


def look_after(sequence: Sequence[str], interrupted: dict[int, str]) -> None:
    with service(interrupted) as made:
        for action in sequence:
            made.act(action)

        items = {(item["pk"]["S"], item["sk"]["S"]): item for item in scanned(made.world)}
        messages = {pk for pk, sk in items if sk == keys.MESSAGE}
        assert {pk for pk, sk in items if sk == keys.CONTENT} == messages
        assert 2 * MESSAGES - len(messages) == made.purged
        if not {"delete", "delete history"} & {*sequence, *interrupted.values()}:
            assert len(made.world.live()) == made.restored
        made.world.deleted()  # looks at the flags and the place of those in the bin
        for each in made.world.items():
            if "deleted_at" not in each:
                place = living.place(each)
                assert {name: each.get(name) for name in place} == place
                assert not {"deleted_by", "delete_request_id", "purge_at"} & set(each)


@pytest.mark.engine
@given(st.lists(actions, min_size=1, max_size=4), interruptions)
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
def test_each_message_is_whole_or_gone_at_length(
    sequence: Sequence[str], interrupted: dict[int, str]
) -> None:
    look_after(sequence, interrupted)


def scanned(world: World) -> list[dict[str, Any]]:
    pages = world.store.client.get_paginator("scan").paginate(TableName="expunge")
    return [item for page in pages for item in page["Items"] if not is_tombstone(item)]
