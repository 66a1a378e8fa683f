"""For each function, calls in which it does all that it ever does, in success and in failure."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any

import boto3
import pytest

from expunge import settings, timestamps
from expunge.background import rounds, tasks
from expunge.deadline import Deadline
from expunge.deletions import holding
from expunge.deletions.covered import Covered
from expunge.deletions.purged import Purged
from expunge.deletions.shortfall import Shortfall
from expunge.errors import OutOfTime, PurgeFailed
from expunge.history import notes, passes
from expunge.linked import provider_keys
from expunge.table import keys
from tests import bucket
from tests.deploy.recorder import Recorder
from tests.deploy.template import EVENTS
from tests.deploy.webhook_plays import (
    Play,
    delete_inbound_message,
    delete_inbound_message_batch,
    delete_inbound_messages,
    delete_outbound_message_batch,
    delete_outbound_messages,
    delete_pull_event,
    delete_pull_event_batch,
    delete_pull_events,
    execute_deletion,
    get_deletion,
    list_deletions,
    repeated,
    restore_deletion,
)
from tests.upstream import upstream
from tests.world import (
    ACCOUNT,
    INBOUND,
    KEY,
    LINKED,
    OUTBOUND,
    PULL,
    SUB_KEY,
    Handler,
    RunningOut,
    World,
    at,
    call,
    message_id,
)


def delete_message(
    handler: Handler, world: World, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WHATSAPP", "LINKEDIN"):
        boto3.client("ssm").put_parameter(Name=f"/{name}", Value="key", Type="SecureString")
        boto3.client("secretsmanager").create_secret(Name=name, SecretString="key")
    bucket.may_delete_from(bucket.NAME, monkeypatch)
    there_is = bucket.Bucket(bucket.s3())
    recent = {"sent_at": "2999-01-01T00:00:00Z"}
    for number, (provider, key_name) in enumerate(
        [
            ("WHATSAPP", "/WHATSAPP"),
            ("WHATSAPP", "WHATSAPP"),
            ("LINKEDIN", "/LINKEDIN"),
            ("LINKEDIN", "LINKEDIN"),
        ]
    ):
        world.linked_account(provider=provider)
        message = world.linked_message(id=f"{LINKED[:-1]}{number}", **recent)
        world.name_content(keys.linked_message(ACCOUNT, message), there_is.put(f"linked/{number}"))
        settings.provider.cache_clear()
        provider_keys.forget()
        with upstream() as there, recorder.recording():
            monkeypatch.setenv(f"{provider}_BASE_URL", there.url)
            monkeypatch.setenv(f"{provider}_KEY_NAME", key_name)
            there.says(500)
            assert call(handler, path={"message_id": message}, headers={"x-api-key": KEY}).status == 500
            there.says(200)
            assert call(handler, path={"message_id": message}, headers={"x-api-key": KEY}).status == 200
    settings.provider.cache_clear()
    provider_keys.forget()
    path = {"message_id": world.outbound_message(1)}
    with recorder.recording(lost="TransactWriteItems"):
        assert call(handler, path=path, context=RunningOut(seconds=5)).status == 200
    repeated(handler, recorder, path=path)


def delete_channel_history(
    handler: Handler, world: World, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "SLICE", 1)
    path = {"sub_key": SUB_KEY, "channels": "ch1,ch2"}
    world.channel_messages("ch1", 1, 2, 3)
    with recorder.recording():
        assert call(handler, path=path, query={"auth": "auth-1"}).status == 200
    world.channel_messages("ch2", 1, 2, 3)
    with recorder.recording(lost="TransactWriteItems"):
        call(handler, path=path, query={"auth": "auth-1"}, context=RunningOut(seconds=5))


def purge(_: Handler, world: World, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    run: Callable[..., Any] = import_module("purge").handler
    _delete_some_of_each(world, monkeypatch)
    with recorder.recording(lost="TransactWriteItems"), pytest.raises(PurgeFailed):
        run({}, RunningOut())
    covered = Covered(account_id=ACCOUNT, endpoint_id=PULL)
    hold = holding.place(world.store, covered, reason="r", by="b", deadline=Deadline.never())
    with recorder.recording():
        assert run({"time": "2999-01-01T00:00:00Z", "dry_run": True}, RunningOut())["held"] == 1
    later = timestamps.now() + timedelta(minutes=2)
    monkeypatch.setattr(timestamps, "now", lambda: later)
    with recorder.recording():
        assert run({"time": "2999-01-01T00:00:00Z", "force": True}, RunningOut())["held"] == 1
    holding.release(world.store, hold.id, by="b", deadline=Deadline.never())
    with recorder.recording():
        assert run({"time": "2999-01-01T00:00:00Z", "force": True}, RunningOut())["remaining"] is False
    assert world.items() == []
    for number in range(2, 6):
        world.message(number)
    call(import_module("delete_inbound_messages").handler)
    with _work_queue(monkeypatch), recorder.recording():
        monkeypatch.setattr(
            "expunge.background.scheduled.remove_due", lambda *_: Purged(0, 0, at(0), OutOfTime())
        )
        assert run({}, RunningOut())["remaining"] is True


def _delete_some_of_each(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each family, and have a deletion of channel history be left to the background."""
    monkeypatch.setattr(passes, "SLICE", 1)
    world.message(1)
    world.event(1)
    world.outbound_message(1)
    world.channel_messages("ch1", 1, 2, 3)
    call(import_module("delete_inbound_messages").handler)
    call(import_module("delete_outbound_messages").handler)
    call(import_module("delete_pull_events").handler, path={"id": PULL})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "soft_delete", lambda *_: Shortfall(OutOfTime()))
        call(
            import_module("delete_channel_history").handler,
            path={"sub_key": SUB_KEY, "channels": "ch1"},
            query={"auth": "auth-1"},
        )
    assert world.sweeps() == 1
    _erase_linked_message()
    bucket.may_delete_from(bucket.NAME, monkeypatch)
    there_is = bucket.Bucket(bucket.s3())
    world.name_content(keys.message("INBOUND", ACCOUNT, message_id(1)), there_is.put("in/1"))


@contextmanager
def _work_queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WORK_QUEUE_URL", boto3.client("sqs").create_queue(QueueName="work")["QueueUrl"])
    settings.work_queue.cache_clear()
    yield
    monkeypatch.delenv("WORK_QUEUE_URL")
    settings.work_queue.cache_clear()


def work(handler: Handler, world: World, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(body: str) -> Any:
        return handler({"Records": [{"body": body}]}, RunningOut())

    _delete_some_of_each(world, monkeypatch)
    deadline = Deadline.never()
    [place] = notes.listed(world.store, deadline)
    round_ = rounds.begin(world.store, deadline)
    with _work_queue(monkeypatch):
        later = timestamps.now() + timedelta(days=40)
        monkeypatch.setattr(timestamps, "now", lambda: later)
        [whole] = tasks.of_sweep(round_, *place, divided=False)
        parts = [tasks.Task("sweep", round_.id, part, 2, pk=place.pk, sk=place.sk) for part in range(2)]
        until = timestamps.millis(later)
        shards = tasks.of_bin(round_, until)
        with monkeypatch.context() as patch, recorder.recording():
            patch.setattr(passes, "soft_delete", lambda *_: Shortfall(OutOfTime()))
            assert run(whole.body())["task"] == "again"
        with recorder.recording():
            assert sum(run(part.body())["deleted"] for part in parts) == 3
            assert sum(run(shard.body())["purged"] for shard in shards) > 0


def _erase_linked_message() -> None:
    with upstream() as there, pytest.MonkeyPatch.context() as monkeypatch:
        settings.provider.cache_clear()
        monkeypatch.setenv("WHATSAPP_BASE_URL", there.url)
        monkeypatch.setenv("WHATSAPP_KEY_NAME", "/WHATSAPP")
        boto3.client("ssm").put_parameter(Name="/WHATSAPP", Value="key", Type="SecureString")
        there.says(200)
        reply = call(
            import_module("delete_message").handler, path={"message_id": LINKED}, headers={"x-api-key": KEY}
        )
        assert reply.status == 200
    settings.provider.cache_clear()
    provider_keys.forget()


def publish_deletions(_: Handler, __: World, recorder: Recorder, ___: pytest.MonkeyPatch) -> None:
    run: Callable[..., Any] = import_module("publish_deletions").handler
    event = json.loads((EVENTS / "publish_deletions.json").read_text())
    with recorder.recording():
        assert run(event, RunningOut()) == {"batchItemFailures": []}


def store_records(_: Handler, __: World, recorder: Recorder, ___: pytest.MonkeyPatch) -> None:
    run: Callable[..., Any] = import_module("store_records").handler
    messages = [
        {"kind": "inbound_message", "inbound_endpoint_id": INBOUND, "status": "queued", "received_at": at(1)},
        {"kind": "outbound_message", "endpoint_id": OUTBOUND, "status": "queued", "created_at": at(1)},
        {
            "kind": "pull_event",
            "pull_endpoint_id": PULL,
            "event_type": "x",
            "status": "stored",
            "received_at": at(1),
        },
    ]
    records = [{"account_id": ACCOUNT, "id": message_id(1), **each} for each in messages]
    records += [
        {"kind": "channel_message", "sub_key": SUB_KEY, "channel": "ch1", "timetoken": "1"},
        {
            "kind": "linked_message",
            "account_id": ACCOUNT,
            "id": f"{LINKED[:-1]}9",
            "linked_account_id": "la_1",
            "provider_message_id": "wamid.1",
            "sent_at": at(0),
        },
    ]
    for more in ({}, {"payload": 1}):
        body = "\n".join(json.dumps(record | more) for record in records)
        with recorder.recording():
            reply = run({"Records": [{"messageId": "1", "body": body}]}, RunningOut())
        assert (reply["batchItemFailures"], reply["stored"]) == ([], len(records))


PLAYS: Mapping[str, Play] = {
    play.__name__: play
    for play in (
        delete_inbound_messages,
        delete_inbound_message_batch,
        delete_inbound_message,
        delete_pull_events,
        delete_pull_event_batch,
        delete_pull_event,
        delete_outbound_messages,
        delete_outbound_message_batch,
        delete_message,
        list_deletions,
        get_deletion,
        restore_deletion,
        execute_deletion,
        delete_channel_history,
        purge,
        work,
        publish_deletions,
        store_records,
    )
} | {"list_deletion_messages": get_deletion}
