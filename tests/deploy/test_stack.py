"""The template deployed as CloudFormation, by `sam deploy`, to an AWS on loopback."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # it has no types

from cli.demo import RECORDS
from cli.load import load_files
from tests.deploy.cloud import cloud
from tests.deploy.conftest import ROOT
from tests.deploy.stack import STACK, Stack
from tests.deploy.template import EVENTS, lambda_functions, template
from tests.pages import blocks
from tests.stream import SCHEMAS
from tests.upstream import upstream

pytestmark = pytest.mark.engine

_SECONDS = 120


@pytest.fixture(scope="module")
def stack(sam: Path, build: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with cloud(tmp_path_factory.mktemp("cloud")) as aws:
        there = Stack(aws, sam, build)
        there.deploy()
        load_files(aws.client("dynamodb"), "expunge", [RECORDS])
        yield there


def test_the_stack_is_complete(stack: Stack) -> None:
    assert stack.status == "CREATE_COMPLETE"
    [found] = stack.aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}
    assert set(outputs) == set(template()["Outputs"])
    assert outputs["TableName"] == "expunge"
    dashboard = stack.aws.client("cloudwatch").get_dashboard(DashboardName=STACK)["DashboardBody"]
    assert stack.resource("PurgeFunction") in json.dumps(json.loads(dashboard))
    actions = [
        each["AlarmActions"] for each in stack.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    ]
    assert actions == [["arn:aws:sns:us-east-1:000000000000:alarms"]] * len(actions)


@pytest.mark.parametrize(("function", "module"), lambda_functions().items(), ids=lambda_functions())
def test_every_function_answers_its_event_file(function: str, module: str, stack: Stack) -> None:
    event = (EVENTS / f"{module}.json").read_bytes()
    with upstream() as provider:
        if function == "DeleteMessageFunction":
            stack.aws.client("ssm").put_parameter(
                Name="/expunge/whatsapp-key", Value="key", Type="SecureString", Overwrite=True
            )
            stack.set_environment(function, WHATSAPP_BASE_URL=provider.url)
        failed, answer = stack.invoke(function, event)

    assert failed is None
    if function == "PurgeFunction":
        assert set(answer) == {"purged", "resumed", "remaining"}
    elif function == "WorkFunction":
        assert answer == {"task": "dropped"}
    elif "statusCode" not in answer:  # one that is brought a queue or a stream
        assert answer["batchItemFailures"] == []
    else:
        # The events about a deletion name one that is not there.
        assert answer["statusCode"] == (404 if b"/v1/deletions/{request_id}" in event else 200)
        assert answer["headers"]["x-request-id"].startswith("req_")


def test_functions_run_the_layers_code(stack: Stack) -> None:
    stack.set_environment("DeletePullEventsFunction", TABLE_NAME="nowhere")
    _, answer = stack.invoke("DeletePullEventsFunction", (EVENTS / "delete_pull_events.json").read_bytes())

    assert answer["statusCode"] == 500
    events = stack.aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{STACK}")
    logged = "".join(each["message"] for each in events["events"])
    assert "/python/expunge/table/store.py" in logged
    assert str(ROOT) not in logged.replace(str(ROOT / ".venv"), "")


def test_a_malformed_event_fails_the_purge(stack: Stack) -> None:
    failed, answer = stack.invoke("PurgeFunction", b'{"time": "yesterday"}')
    assert failed is not None
    assert answer["errorMessage"] == "time must be an RFC 3339 time with an offset"


def test_the_schedules_rule_targets_the_purge_function(stack: Stack) -> None:
    events, rule = stack.aws.client("events"), stack.resource("PurgeFunctionSchedule")
    assert events.describe_rule(Name=rule)["ScheduleExpression"] == "rate(5 minutes)"
    [target] = events.list_targets_by_rule(Rule=rule)["Targets"]
    assert target["Arn"].endswith(f":function:{stack.resource('PurgeFunction')}")


def test_the_purges_events_do_not_wait_for_long_and_are_kept_when_given_up(stack: Stack) -> None:
    configuration = stack.aws.client("lambda").get_function_event_invoke_config(
        FunctionName=stack.resource("PurgeFunction"), Qualifier="$LATEST"
    )
    assert (configuration["MaximumRetryAttempts"], configuration["MaximumEventAgeInSeconds"]) == (0, 240)
    assert "PurgeDeadLetterQueue" in configuration["DestinationConfig"]["OnFailure"]["Destination"]


def test_a_record_comes_in_is_deleted_restored_and_purged_and_a_rule_hears_of_it(stack: Stack) -> None:
    """From the queue to the queue of a consumer, through what was deployed.

    Three things are done by hand. In this engine's event-source mappings a number that is a parameter stays
    text, on which its poller fails. They don't know that an attribute is absent if what would hold it is, as
    Lambda does: here all records of messages are let through, and the patterns have tests of their own. And
    nobody waits 30 days for the purge: its event has a time.
    """
    mend_mappings(stack)
    consumer = deploy_example(stack)
    record = next(
        each | {"id": "01961e00-0000-7000-8000-00000000ffff"}
        for each in map(json.loads, RECORDS.read_text().splitlines())
        if each["kind"] == "inbound_message"
    )
    queue = stack.resource("RecordsQueue")
    stack.aws.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(record))
    path = {"message_id": record["id"]}

    deleted = eventually(lambda: delete(stack, path))
    request_id = deleted["meta"]["request_id"]
    _, answer = stack.invoke(
        "RestoreDeletionFunction", request("restore_deletion", {"request_id": request_id})
    )
    assert json.loads(answer["body"])["data"]["restored"] == 1
    again = delete(stack, path)
    assert again is not None
    stack.invoke("PurgeFunction", b'{"time": "2999-01-01T00:00:00Z", "force": true}')

    heard: list[tuple[str, str]] = []

    def all_heard() -> bool:
        heard.extend(receive(stack, consumer, record["id"]))
        return len(heard) >= len(expected)

    expected = [
        ("Messages Deleted", request_id),
        ("Messages Restored", request_id),
        ("Messages Deleted", again["meta"]["request_id"]),
        ("Messages Purged", again["meta"]["request_id"]),
    ]
    eventually(all_heard)
    assert sorted(heard) == sorted(expected)


def mend_mappings(stack: Stack) -> None:
    client = stack.aws.client("lambda")
    client.update_event_source_mapping(
        UUID=stack.resource("StoreRecordsMapping"), ScalingConfig={"MaximumConcurrency": 10}
    )
    pattern = {"dynamodb": {"Keys": {"sk": {"S": ["MESSAGE"]}}}}
    client.update_event_source_mapping(
        UUID=stack.resource("PublishDeletionsMapping"),
        FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]},
    )


def deploy_example(stack: Stack) -> str:
    """Deploy the template of docs/events.md, with a rule for all events; returns its queue."""
    [example] = blocks((ROOT / "docs" / "events.md").read_text(), "yaml")
    content = yaml_parse(example)
    pattern = content["Resources"]["DeletionsRule"]["Properties"]["EventPattern"]
    assert pattern["source"] == ["expunge"]
    pattern["detail-type"].append("Messages Purged")
    formation = stack.aws.client("cloudformation")
    formation.create_stack(StackName="consumer", TemplateBody=json.dumps(content))
    formation.get_waiter("stack_create_complete").wait(StackName="consumer", WaiterConfig={"Delay": 1})
    found = formation.describe_stack_resource(StackName="consumer", LogicalResourceId="Deletions")
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def request(module: str, path: dict[str, str]) -> bytes:
    """The event file of a function, with other variables of the path."""
    event = json.loads((EVENTS / f"{module}.json").read_text())
    event.pop("body", None)
    event["requestContext"]["requestId"] = uuid.uuid4().hex
    return json.dumps(event | {"pathParameters": path}).encode()


def delete(stack: Stack, path: dict[str, str]) -> Any:
    """What the API's function answers once it has deleted; None while the message is not there."""
    failed, answer = stack.invoke("DeleteInboundMessageFunction", request("delete_inbound_message", path))
    assert failed is None
    return json.loads(answer["body"]) if answer["statusCode"] == 200 else None


def receive(stack: Stack, queue: str, message_id: str) -> Iterator[tuple[str, str]]:
    """Detail type and request of each event about the message that the consumer finds in its queue."""
    sqs = stack.aws.client("sqs")
    for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        event = json.loads(message["Body"])
        assert event["source"] == "expunge"
        SCHEMAS[event["detail-type"]].validate(event["detail"])
        if message_id in event["detail"]["ids"]:
            yield event["detail-type"], event["detail"]["request_id"]


def eventually(found: Callable[[], Any]) -> Any:
    """What is found at last; the queues of a cloud take their time."""
    end = time.monotonic() + _SECONDS
    while not (answer := found()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.2)
    return answer


@pytest.mark.parametrize(
    "parameter", ["PurgeSchedule='rate(0 minutes)'", "RetentionDays=-1", "CorsAllowOrigin=chat"]
)
def test_a_parameter_out_of_range_is_refused(parameter: str, stack: Stack) -> None:
    assert parameter.partition("=")[0] in stack.refusal(parameter)


def test_the_stack_is_updated_and_deleted_and_leaves_the_table(stack: Stack) -> None:
    stack.deploy("RetentionDays=7", "PurgeSchedule='rate(1 hour)'")
    assert stack.status == "UPDATE_COMPLETE"
    rule = stack.aws.client("events").describe_rule(Name=stack.resource("PurgeFunctionSchedule"))
    assert rule["ScheduleExpression"] == "rate(1 hour)"
    configuration = stack.aws.client("lambda").get_function_configuration(
        FunctionName=stack.resource("PurgeFunction")
    )
    assert configuration["Environment"]["Variables"]["RETENTION_DAYS"] == "7"

    stack.delete()
    with pytest.raises(ClientError, match="does not exist"):
        stack.aws.client("cloudformation").describe_stacks(StackName=STACK)
    assert stack.aws.client("lambda").list_functions()["Functions"] == []
    assert stack.aws.client("dynamodb").list_tables()["TableNames"] == ["expunge"]
