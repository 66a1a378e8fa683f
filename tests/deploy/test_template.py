"""What the template promises beside its functions."""

import json
import re
from typing import Any

import pytest

from tests.deploy.template import lambda_functions, resources, template


def parameter(name: str) -> dict[str, Any]:
    found: dict[str, Any] = template()["Parameters"][name]
    return found


def alarms() -> dict[str, dict[str, Any]]:
    return resources("AWS::CloudWatch::Alarm")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "PurgeSchedule",
            ["rate(1 minute)", "rate(15 minutes)", "rate(1 hour)", "rate(24 hours)"],
            ["", "rate(0 minutes)", "rate(1 minutes)", "rate(2 days)", "rate(25 hours)", "cron(0 * * * ? *)"],
        ),
        (
            "AlarmTopicArn",
            ["", "arn:aws:sns:eu-west-1:123456789012:alarms"],
            ["alarms", "arn:aws:sqs:eu-west-1:123456789012:queue"],
        ),
        (
            "WhatsappBaseUrl",
            ["", "https://whatsapp.example.com", "https://example.com/a"],
            ["http://example.com", "https://user@example.com", "https://example.com?a", "example.com"],
        ),
        ("WhatsappKeyName", ["/expunge/key", "expunge-key"], ["", "a key", "*"]),
        ("TableName", ["expunge", "my.table-1"], ["", "ab", "a b", "x" * 256]),
    ],
)
def test_a_text_parameter_out_of_range_is_refused(name: str, good: list[str], bad: list[str]) -> None:
    pattern = re.compile(parameter(name)["AllowedPattern"])

    assert [text for text in good if pattern.fullmatch(text) is None] == []
    assert [text for text in bad if pattern.fullmatch(text) is not None] == []
    assert pattern.fullmatch(parameter(name)["Default"])


def test_every_number_has_a_range_and_every_parameter_a_description_and_a_default() -> None:
    for name, each in template()["Parameters"].items():
        assert each["Description"], name
        assert "Default" in each, name
        assert each["Type"] != "Number" or {"MinValue", "AllowedValues"} & set(each), name
        assert each["Type"] != "String" or {"AllowedPattern", "AllowedValues"} & set(each), name


def test_every_function_has_its_alarms_and_those_on_purging_go_off_for_silence() -> None:
    watched = {
        (each["MetricName"], each["Dimensions"][0]["Value"].get("Ref"))
        for each in alarms().values()
        if each["Namespace"] == "AWS/Lambda"
    }
    errors = {("Errors", name) for name in lambda_functions()}
    throttles = {("Throttles", name) for name in lambda_functions() if name != "PurgeFunction"}
    assert watched == errors | throttles | {("Invocations", "PurgeFunction")}
    assert alarms()["PurgeMissingAlarm"]["TreatMissingData"] == "breaching"


def test_every_alarm_tells_the_topic_if_there_is_one() -> None:
    topic = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    for each in alarms().values():
        assert each["AlarmActions"] == each["OKActions"] == topic


def test_every_function_and_the_api_keep_logs_for_a_limited_time() -> None:
    groups = resources("AWS::Logs::LogGroup")
    assert len(groups) == len(lambda_functions()) + 1
    assert all(each["RetentionInDays"] == {"Ref": "LogRetentionDays"} for each in groups.values())
    for name, each in resources("AWS::Serverless::Function").items():
        assert each["LoggingConfig"]["LogGroup"]["Ref"] == name.removesuffix("Function") + "LogGroup"


def test_the_table_survives_the_stack() -> None:
    table = template()["Resources"]["Table"]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    properties = table["Properties"]
    assert properties["DeletionProtectionEnabled"] is True
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert properties["SSESpecification"]["SSEEnabled"] is True
    assert properties["BillingMode"] == "PAY_PER_REQUEST"


def test_one_purge_runs_at_a_time_and_is_not_repeated_unseen() -> None:
    purge = resources("AWS::Serverless::Function")["PurgeFunction"]
    assert purge["ReservedConcurrentExecutions"] == 1
    assert purge["EventInvokeConfig"]["MaximumRetryAttempts"] == 0
    assert purge["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Type"] == "SQS"


def test_the_dashboard_is_about_every_function_and_family() -> None:
    body = resources("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(re.sub(r"\$\{([^}]+)\}", r"\1", body))["widgets"]
    text = json.dumps(widgets)
    assert [name for name in lambda_functions() if f'"{name}"' not in text] == []
    families = [f'"{family}"' for family in ("inbound", "pull", "linked", "channel", "purge")]
    assert [family for family in families if family not in text] == []
    assert {(each["x"], each["y"]) for each in widgets} == {(x, y) for x in (0, 12) for y in (0, 6, 12, 18)}
