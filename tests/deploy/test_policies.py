"""Each function's policy allows what the function does, and nothing else.

What it does is recorded while it meets success and failure on moto, which itself asks for no permission.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from fnmatch import fnmatchcase
from importlib import import_module
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, ReadTimeoutError

from expunge import settings, timestamps
from expunge.background import rounds, tasks
from expunge.deadline import Deadline
from expunge.deletions import holding
from expunge.deletions.covered import Covered
from expunge.deletions.purged import Purged
from expunge.deletions.soft_delete import Shortfall
from expunge.errors import OutOfTime, PurgeFailed
from expunge.history import notes, passes
from expunge.http import auth
from expunge.linked import provider_keys
from expunge.table import keys
from tests import bucket
from tests.deploy.template import EVENTS, lambda_functions, resources
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

LOST = ReadTimeoutError(endpoint_url="https://dynamodb.example")
BUS = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}"
S3 = "arn:${AWS::Partition}:s3:::"
ENTRIES = {
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "Put": "PutItem",
    "ConditionCheck": "ConditionCheckItem",
}


class Done(NamedTuple):
    """An action on the table, an index or a provider's key; `pk` where it names one."""

    action: str
    resource: str
    pk: str | None = None


class Allowed(NamedTuple):
    """A pair of a statement; `pk` is the pattern that it is limited to."""

    action: str
    resource: str
    pk: str | None

    def covers(self, done: Done) -> bool:
        same = (self.action, self.resource) == (done.action, done.resource)
        return same and (self.pk is None or (done.pk is not None and fnmatchcase(done.pk, self.pk)))


LAMBDAS_OWN = {
    Allowed(f"dynamodb:{action}", "Table.StreamArn", None)
    for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
} | {Allowed("sqs:SendMessage", "PublishDeadLetterQueue.Arn", None)}
LAMBDAS_OWN_OF_THE_QUEUE = {
    Allowed(f"sqs:{action}", queue, None)
    for queue in ("RecordsQueue.Arn", "WorkQueue.Arn")
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
}
"""What Lambda does in a function's name to bring it a stream and to keep what it failed on, or a queue."""


def allowed(function: str) -> set[Allowed]:
    found = set()
    for statement in _statements(function):
        assert statement["Effect"] == "Allow"
        for action in _list(statement["Action"]):
            for resource in _list(statement["Resource"]):
                for pk in _leading_keys(statement.get("Condition")):
                    found.add(Allowed(action, _resource(resource), pk))
    return found


def _statements(function: str) -> Iterator[Any]:
    """Its own, and those of the policies that it shares with others."""
    policies = resources("AWS::Serverless::Function")[function].get("Policies")
    assert policies, f"{function} in template.yaml has no Policies: it may not even look up a key"
    shared = resources("AWS::IAM::ManagedPolicy")
    for policy in map(_with_a_bucket, policies):
        yield from (
            shared[policy["Ref"]]["PolicyDocument"]["Statement"] if "Ref" in policy else policy["Statement"]
        )


def _with_a_bucket(policy: Any) -> Any:
    """What holds of contents in S3 holds only if the template is given a bucket."""
    if "Fn::If" not in policy:
        assert "s3:" not in str(policy)
        return policy
    assert policy["Fn::If"] == ["HasContentBucket", {"Ref": "ContentPolicy"}, {"Ref": "AWS::NoValue"}]
    return policy["Fn::If"][1]


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _leading_keys(condition: Mapping[str, Any] | None) -> Sequence[str | None]:
    if condition is None:
        return [None]
    [(operator, keys)] = condition.items()
    assert operator in ("ForAllValues:StringEquals", "ForAllValues:StringLike")
    assert list(keys) == ["dynamodb:LeadingKeys"]
    patterns: Sequence[str] = keys["dynamodb:LeadingKeys"]
    assert operator.endswith("Like") or not any("*" in pattern for pattern in patterns)
    return patterns


def _resource(value: dict[str, Any]) -> str:
    if value == {"Fn::GetAtt": ["Table", "Arn"]}:
        return "table"
    if "Fn::GetAtt" in value:
        return ".".join(value["Fn::GetAtt"])
    arn = value["Fn::Sub"].replace("${EventBusName}", "default").replace("${ContentBucket}", bucket.NAME)
    key = re.search(r"\$\{(Whatsapp|Linkedin)KeyName\}", arn)
    return key[1].upper() if key else str(arn).removeprefix("${Table.Arn}/")


class Recorder:
    """Notes every call of the SDK, and can have the answers to some be lost."""

    def __init__(self) -> None:
        self.done: set[Done] = set()
        self.lost: str | None = None
        self._on = False

    @contextmanager
    def recording(self, *, lost: str | None = None) -> Iterator[None]:
        self._on, self.lost = True, lost
        try:
            yield
        finally:
            self._on, self.lost = False, None

    def note(self, service: str, operation: str, arguments: Any) -> None:
        if self._on:
            self.done |= set(_done(service, operation, arguments))


def _done(service: str, operation: str, arguments: Any) -> Iterator[Done]:
    if service == "sqs":  # an action of its own for messages that are sent together is not known to IAM
        yield Done(f"{service}:{operation.removesuffix('Batch')}", "WorkQueue.Arn")
    else:
        yield from _done_elsewhere(service, operation, arguments)


def _done_elsewhere(  # noqa: C901 - a case an operation
    service: str, operation: str, arguments: Any
) -> Iterator[Done]:
    action = f"{service}:{operation}"
    match operation:
        case "TransactWriteItems":
            for entry in arguments["TransactItems"]:
                [(kind, item)] = entry.items()
                key = item.get("Key") or item["Item"]
                yield Done(f"{service}:{ENTRIES[kind]}", "table", key["pk"]["S"])
        case "BatchGetItem":
            for table in arguments["RequestItems"].values():
                yield from (Done(action, "table", key["pk"]["S"]) for key in table["Keys"])
        case "Query" if "IndexName" in arguments:
            yield Done(action, f"index/{arguments['IndexName']}")
        case "Query":
            yield Done(action, "table", arguments["ExpressionAttributeValues"][":pk"]["S"])
        case "ListObjectVersions" | "DeleteObjects":
            yield from _done_in_bucket(operation, arguments["Bucket"])
        case "PutEvents":
            for entry in arguments["Entries"]:
                yield Done(action, BUS.replace("${EventBusName}", entry["EventBusName"]))
        case "GetParameter" | "GetSecretValue":
            yield Done(action, str(arguments.get("Name") or arguments["SecretId"]).strip("/"))
        case _:
            key = arguments.get("Key") or arguments["Item"]
            yield Done(action, "table", key["pk"]["S"])


def _done_in_bucket(operation: str, name: str) -> Iterator[Done]:
    if operation == "ListObjectVersions":
        yield Done("s3:ListBucketVersions", S3 + name)
        return
    # Which of the two it takes depends on whether the bucket keeps versions.
    for action in ("DeleteObject", "DeleteObjectVersion"):
        yield Done(f"s3:{action}", f"{S3}{name}/*")


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    clients: Any = BaseClient
    make = clients._make_api_call  # noqa: SLF001 - every call goes through it

    def noted(client: BaseClient, operation: str, arguments: Any) -> Any:
        recorder.note(client.meta.service_model.service_name, operation, arguments)
        if operation != recorder.lost:
            return make(client, operation, arguments)
        with suppress(ClientError):
            make(client, operation, arguments)
        raise LOST

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    return recorder


@pytest.fixture(autouse=True)
def records(world: World) -> None:
    world.customer()
    world.outbound_endpoint()
    world.linked_account()
    world.linked_message()
    world.keyset(access_manager=True)
    world.auth_grant("auth-1", "ch1", "ch2")


Play = Callable[[Handler, World, Recorder, pytest.MonkeyPatch], object]


def repeated(handler: Handler, recorder: Recorder, **arguments: Any) -> None:
    """With an idempotency key: once more, and refused."""
    headers = {"authorization": f"Bearer {KEY}", "idempotency-key": "key-1"}
    with recorder.recording():
        call(handler, headers=headers, **arguments)
        call(handler, headers=headers, **arguments)
        refused = headers | {"idempotency-key": "key-2"}
        assert call(handler, headers=refused, query="unknown=1", **arguments).status == 400


def delete_inbound_messages(
    handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch
) -> None:
    world.message(1)
    with recorder.recording():
        call(handler)
        call(handler, query={"inbound_endpoint_id": "01935abc-0000-7000-8000-00000000000a"})
    world.message(2)
    with recorder.recording(lost="TransactWriteItems"):
        assert call(handler, context=RunningOut(seconds=5)).data["deleted"] == 1
    repeated(handler, recorder)


def delete_pull_events(handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch) -> None:
    world.event(1)
    path = {"id": PULL}
    with recorder.recording():
        call(handler, path=path, query={"event_type": "order.created"})
    world.event(2)
    with recorder.recording(lost="TransactWriteItems"):
        assert call(handler, path=path, context=RunningOut(seconds=5)).data["deleted"] == 1
    repeated(handler, recorder, path=path)


def delete_outbound_messages(
    handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch
) -> None:
    world.outbound_message(1)
    with recorder.recording():
        call(handler)
        call(handler, query={"endpoint_id": OUTBOUND})
    world.outbound_message(2)
    with recorder.recording(lost="TransactWriteItems"):
        assert call(handler, context=RunningOut(seconds=5)).data["deleted"] == 1
    repeated(handler, recorder)


def delete_inbound_message_batch(
    handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch
) -> None:
    body = {"message_ids": [world.message(1)]}
    with recorder.recording(lost="TransactWriteItems"):
        call(handler, body=body, context=RunningOut(seconds=5))
    with recorder.recording():
        assert call(handler, body=body).data["already_deleted_count"] == 1
    repeated(handler, recorder, body=body)


def delete_outbound_message_batch(
    handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch
) -> None:
    body = {"message_ids": [world.outbound_message(1)]}
    with recorder.recording(lost="TransactWriteItems"):
        call(handler, body=body, context=RunningOut(seconds=5))
    with recorder.recording():
        assert call(handler, body=body).data["already_deleted_count"] == 1
    repeated(handler, recorder, body=body)


def delete_inbound_message(handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch) -> None:
    path = {"message_id": world.message(1)}
    with recorder.recording(lost="TransactWriteItems"):
        call(handler, path=path, context=RunningOut(seconds=5))
    with recorder.recording():
        assert call(handler, path=path).data["already_deleted"] is True
    repeated(handler, recorder, path=path)


def delete_pull_event(handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch) -> None:
    path = {"id": PULL, "event_id": world.event(1)}
    with recorder.recording(lost="TransactWriteItems"):
        call(handler, path=path, context=RunningOut(seconds=5))
    with recorder.recording():
        assert call(handler, path=path).data["already_deleted"] is True
    repeated(handler, recorder, path=path)


def delete_pull_event_batch(
    handler: Handler, world: World, recorder: Recorder, _: pytest.MonkeyPatch
) -> None:
    body = {"message_ids": [world.event(1)]}
    with recorder.recording(lost="TransactWriteItems"):
        call(handler, path={"id": PULL}, body=body, context=RunningOut(seconds=5))
    with recorder.recording():
        assert call(handler, path={"id": PULL}, body=body).data["already_deleted_count"] == 1
    repeated(handler, recorder, path={"id": PULL}, body=body)


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


@pytest.mark.parametrize(("function", "module"), lambda_functions().items(), ids=lambda_functions())
def test_a_function_may_do_what_it_does_and_nothing_else(
    function: str, module: str, world: World, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module in PLAYS, (
        f"PLAYS has no entry for {module}: write a function of that name which has the handler do all that it"
        " ever does to the table, in success and in failure"
    )
    PLAYS[module](import_module(module).handler, world, recorder, monkeypatch)

    statements = {each for each in allowed(function) if each not in LAMBDAS_OWN | LAMBDAS_OWN_OF_THE_QUEUE}
    refused = {done for done in recorder.done if not any(each.covers(done) for each in statements)}
    unused = {each for each in statements if not any(each.covers(done) for done in recorder.done)}
    assert refused == set(), f"the policy of {function} in template.yaml lacks what {module} does"
    assert unused == set(), f"the policy of {function} in template.yaml allows what {module} never does"


def test_the_function_that_publishes_may_be_brought_the_stream_and_keep_what_it_failed_on() -> None:
    assert allowed("PublishDeletionsFunction") >= LAMBDAS_OWN


@pytest.mark.parametrize(
    ("function", "queue"), [("StoreRecordsFunction", "RecordsQueue"), ("WorkFunction", "WorkQueue")]
)
def test_a_function_may_be_brought_its_queue(function: str, queue: str) -> None:
    own = {each for each in LAMBDAS_OWN_OF_THE_QUEUE if each.resource == f"{queue}.Arn"}
    assert allowed(function) & LAMBDAS_OWN_OF_THE_QUEUE == own


def test_no_statement_names_all_actions_or_all_resources() -> None:
    for function in lambda_functions():
        # All objects of the one bucket, but no other.
        pairs = [(each.action, each.resource.removesuffix(f"{bucket.NAME}/*")) for each in allowed(function)]
        assert "*" not in json.dumps(pairs)
