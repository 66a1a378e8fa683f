"""The template deployed as CloudFormation, by `sam deploy`, to an AWS on loopback."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # it has no types

from cli.demo import RECORDS
from cli.load import load_files
from tests.deploy.cloud import Cloud, cloud
from tests.deploy.conftest import ROOT, run_sam, sam_environment
from tests.deploy.template import EVENTS, lambda_functions
from tests.upstream import upstream

pytestmark = pytest.mark.engine

STACK = "expunge-test"
PARAMETERS = ("AlarmTopicArn=arn:aws:sns:us-east-1:000000000000:alarms",)


class Stack:
    """A stack that was deployed, and its resources by their names in the template."""

    def __init__(self, aws: Cloud, sam: Path, build: Path) -> None:
        self.aws = aws
        self._sam = sam
        self._template = without_metric_math(build / "template.yaml")

    def command(self, *parameters: str) -> list[str]:
        config = ["--config-file", str(ROOT / "samconfig.toml")]
        template = [*config, "--template-file", str(self._template), "--stack-name", STACK]
        return [
            "deploy",
            *template,
            "--no-confirm-changeset",
            "--parameter-overrides",
            *PARAMETERS,
            *parameters,
        ]

    def deploy(self, *parameters: str) -> None:
        run_sam(self._sam, *self.command(*parameters), **self.aws.environment)

    def refusal(self, *parameters: str) -> str:
        """Deploy what cannot be; returns what was said."""
        done = subprocess.run(  # noqa: S603 - our own command
            [self._sam, *self.command(*parameters)],
            cwd=ROOT,
            env=sam_environment(**self.aws.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        return done.stdout + done.stderr

    def delete(self) -> None:
        run_sam(self._sam, "delete", "--stack-name", STACK, "--no-prompts", **self.aws.environment)

    @property
    def status(self) -> str:
        return str(
            self.aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
        )

    def resource(self, name: str) -> str:
        found = self.aws.client("cloudformation").describe_stack_resource(
            StackName=STACK, LogicalResourceId=name
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def invoke(self, function: str, event: bytes) -> tuple[str | None, Any]:
        """Invoke through the Lambda API; what failed, if anything, and the payload."""
        answer = self.aws.client("lambda").invoke(FunctionName=self.resource(function), Payload=event)
        return answer.get("FunctionError"), json.load(answer["Payload"])

    def set_environment(self, function: str, **variables: str) -> None:
        name, client = self.resource(function), self.aws.client("lambda")
        known = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        client.update_function_configuration(FunctionName=name, Environment={"Variables": known | variables})


def without_metric_math(template: Path) -> Path:
    """Leave out the alarms that calculate: this CloudFormation does not know them; cfn-lint checks them."""
    content = yaml_parse(template.read_text())
    content["Resources"] = {
        name: each for name, each in content["Resources"].items() if "Metrics" not in each["Properties"]
    }
    path = template.with_name("template-without-metric-math.yaml")
    path.write_text(json.dumps(content))
    return path


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
    assert set(outputs) == {"ApiUrl", "TableName", "PurgeFunctionName", "DashboardUrl"}
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
    elif function == "PublishDeletionsFunction":
        assert answer == {"batchItemFailures": []}
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
