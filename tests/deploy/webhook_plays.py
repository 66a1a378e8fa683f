"""Calls of HookBridge's API in which a function does all that it ever does to the table."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from expunge.http import auth
from tests.deploy.recorder import Recorder
from tests.world import INBOUND, KEY, OUTBOUND, PULL, Handler, RunningOut, World, call

Play = Callable[[Handler, World, Recorder, pytest.MonkeyPatch], object]


def repeated(handler: Handler, recorder: Recorder, **arguments: Any) -> None:
    """With an idempotency key: once more, and refused."""
    headers = {"authorization": f"Bearer {KEY}", "idempotency-key": "key-1"}
    with recorder.recording():
        call(handler, headers=headers, **arguments)
        call(handler, headers=headers, **arguments)
        refused = headers | {"idempotency-key": "key-2"}
        assert call(handler, headers=refused, query="unknown=1", **arguments).status == 400


def _by_filter(
    handler: Handler, recorder: Recorder, store: Callable[[int], str], path: Any = None, **filters: str
) -> None:
    store(1)
    with recorder.recording():
        call(handler, path=path)
        call(handler, path=path, query=filters)
    store(2)
    with recorder.recording(lost="TransactWriteItems"):
        assert call(handler, path=path, context=RunningOut(seconds=5)).data["deleted"] == 1
    repeated(handler, recorder, path=path)


def _in_batch(handler: Handler, recorder: Recorder, message: str, path: Any = None) -> None:
    body = {"message_ids": [message]}
    with recorder.recording(lost="TransactWriteItems"):
        call(handler, path=path, body=body, context=RunningOut(seconds=5))
    with recorder.recording():
        assert call(handler, path=path, body=body).data["already_deleted_count"] == 1
    repeated(handler, recorder, path=path, body=body)


def _one(handler: Handler, recorder: Recorder, **path: str) -> None:
    with recorder.recording(lost="TransactWriteItems"):
        call(handler, path=path, context=RunningOut(seconds=5))
    with recorder.recording():
        assert call(handler, path=path).data["already_deleted"] is True
    repeated(handler, recorder, path=path)


def delete_inbound_messages(
    handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch
) -> None:
    _by_filter(handler, recorder, world.message, inbound_endpoint_id=INBOUND)


def delete_pull_events(handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch) -> None:
    _by_filter(handler, recorder, world.event, {"id": PULL}, event_type="order.created")


def delete_outbound_messages(
    handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch
) -> None:
    _by_filter(handler, recorder, world.outbound_message, endpoint_id=OUTBOUND)


def delete_inbound_message_batch(
    handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch
) -> None:
    _in_batch(handler, recorder, world.message(1))


def delete_outbound_message_batch(
    handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch
) -> None:
    _in_batch(handler, recorder, world.outbound_message(1))


def delete_pull_event_batch(
    handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch
) -> None:
    _in_batch(handler, recorder, world.event(1), {"id": PULL})


def delete_inbound_message(handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch) -> None:
    _one(handler, recorder, message_id=world.message(1))


def delete_pull_event(handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch) -> None:
    _one(handler, recorder, id=PULL, event_id=world.event(1))


def a_deletion(world: World, query: str = "") -> dict[str, str]:
    """Variables of the path to a deletion that nobody has looked at."""
    world.message(1)
    handler = import_module("delete_inbound_messages").handler
    if query:
        return {"request_id": call(handler, query=query).data["deletion_id"]}
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("expunge.webhooks.filtered.finish", lambda *_: True)
        return {"request_id": call(handler).headers["x-request-id"]}


def unused_key(world: World) -> None:
    """An API key whose use today has not been noted."""
    world.used(KEY, "2000-01-01")
    auth.forget()


def list_deletions(handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch) -> None:
    a_deletion(world)
    unused_key(world)
    with recorder.recording():
        assert len(call(handler).data["deletions"]) == 1
        assert len(call(handler, query="family=inbound").data["deletions"]) == 1


def get_deletion(handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch) -> None:
    path = a_deletion(world)
    unused_key(world)
    with recorder.recording():
        assert call(handler, path=path).status == 200


def restore_deletion(handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch) -> None:
    path = a_deletion(world)
    repeated(handler, recorder, path=path)


def execute_deletion(handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch) -> None:
    path = a_deletion(world, "dry_run=true")
    with recorder.recording(lost="TransactWriteItems"):
        assert call(handler, path=path, context=RunningOut(seconds=5)).data["deleted"] == 1
    repeated(handler, recorder, path=path)
