"""A stack that `sam deploy` has deployed to an AWS on loopback."""

import json
import subprocess
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # it has no types

from tests.deploy.cloud import Cloud
from tests.deploy.conftest import ROOT, run_sam, sam_environment

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
