"""What the template promises beside its functions."""

import ast
import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from cli.template import Function, functions
from expunge.background import worker
from tests.deploy.conftest import ROOT
from tests.deploy.template import resources, template, transformed

FAMILIES = {"inbound", "pull", "outbound", "linked", "channel", "purge", "events", "records"}
MINUTES = 60


def parameter(name: str) -> dict[str, Any]:
    found: dict[str, Any] = template()["Parameters"][name]
    return found


def alarms() -> dict[str, dict[str, Any]]:
    return resources("AWS::CloudWatch::Alarm")


def watched() -> Iterator[dict[str, Any]]:
    """Each metric that an alarm looks at."""
    for alarm in alarms().values():
        parts = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
        yield from parts or [alarm]


def widgets() -> list[dict[str, Any]]:
    body = resources("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    found: list[dict[str, Any]] = json.loads(re.sub(r"\$\{(?!!)([^}]+)\}", r"\1", body))["widgets"]
    return [each["properties"] for each in found]


def drawn() -> Iterator[list[str]]:
    """Each metric of the dashboard: namespace, name, dimensions. `.` and `...` repeat the one before."""
    for widget in widgets():
        before: list[str] = []
        for entry in widget["metrics"]:
            own = [text for text in entry if isinstance(text, str)]
            if own[:1] == ["..."]:
                own = [*before[: len(before) - len(own) + 1], *own[1:]]
            before = [old if new == "." else new for old, new in zip(before or own, own, strict=False)]
            before += own[len(before) :]
            yield before


def published() -> set[str]:
    """Names of all metrics that the code publishes: the keywords of telemetry's two functions."""
    files = chain((ROOT / "functions").glob("*.py"), (ROOT / "layers" / "expunge" / "expunge").rglob("*.py"))
    return {name for file in files for name in _published(file)}


def _published(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Call(func=ast.Name(id="count" | "seconds")):
                yield from (each.arg for each in node.keywords if each.arg)


def behind_http() -> list[Function]:
    return [function for function in functions() if function.routes]


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
        (
            "CorsAllowOrigin",
            ["*", "https://*", "https://chat.example.com", "http://localhost:3000"],
            ["", "chat.example.com", "https://a.example, https://b.example", "https://*.example.com", "null"],
        ),
        ("EventBusName", ["default", "orders/bus", "a.b-c_d"], ["", "a bus", "*", "arn:aws:events"]),
        ("ImportBucket", ["", "my-bucket", "my.bucket.1"], ["ab", "My-Bucket", "-bucket", "s3://bucket"]),
        ("ImportPrefix", ["", "expunge/", "a/b_c-d"], ["a b", "a?b", "a" * 513]),
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


def test_every_route_and_every_other_function_has_an_alarm_on_its_failures() -> None:
    """A function behind HTTP that crashes is a 5xx of its API; one that is not has an alarm on its errors."""
    metrics = [(each["MetricName"], each["Dimensions"]) for each in watched() if "Dimensions" in each]
    assert ("5xx", [{"Name": "ApiId", "Value": {"Ref": "Api"}}]) in metrics
    for name, properties in resources("AWS::Serverless::Function").items():
        events = [each for each in properties.get("Events", {}).values() if each["Type"] == "HttpApi"]
        assert all(each["Properties"]["ApiId"] == {"Ref": "Api"} for each in events), name
        if not events:
            assert ("Errors", [{"Name": "FunctionName", "Value": {"Ref": name}}]) in metrics


def test_server_errors_raise_an_alarm_if_they_are_several_and_not_rare() -> None:
    alarm = alarms()["ServerErrorsAlarm"]
    [expression] = [each["Expression"]["Fn::Sub"] for each in alarm["Metrics"] if "Expression" in each]
    count = str(parameter("ServerErrorsAlarmCount")["Default"])
    condition = re.fullmatch(r"IF\((.+), errors, 0\)", expression.replace("${ServerErrorsAlarmCount}", count))
    assert condition is not None

    def goes_off(errors: int, requests: int) -> bool:
        names = {"errors": errors, "requests": requests}
        value = errors if eval(condition[1].replace("AND", "and"), names) else 0  # noqa: S307 - our own words
        return value >= int(alarm["Threshold"])

    errors_of_requests = [(0, 0), (1, 1), (4, 4), (5, 100), (5, 5), (5, 99), (60, 1000)]
    assert [each for each in errors_of_requests if goes_off(*each)] == [(5, 5), (5, 99), (60, 1000)]


def test_an_alarm_goes_off_for_silence_of_the_purge() -> None:
    assert alarms()["PurgeMissingAlarm"]["TreatMissingData"] == "breaching"


def test_every_alarm_tells_the_topic_if_there_is_one() -> None:
    topic = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    for each in alarms().values():
        assert each["AlarmActions"] == each["OKActions"] == topic


def test_every_metric_of_ours_in_an_alarm_or_on_the_dashboard_is_published() -> None:
    named = {each["MetricName"] for each in watched() if each["Namespace"] == "Expunge"}
    named |= {name for namespace, name, *_ in filter(None, drawn()) if namespace == "Expunge"}
    assert "OldestDueAge" in named
    assert named - published() == set()


def test_the_dashboard_draws_every_metric_of_ours_that_an_alarm_watches_and_every_family() -> None:
    ours = [metric for metric in drawn() if metric[:1] == ["Expunge"]]
    drawn_of = {(name, dimensions[dimensions.index("family") + 1]) for _, name, *dimensions in ours}
    watched_of = {
        (each["MetricName"], dimension["Value"])
        for each in watched()
        for dimension in each.get("Dimensions", [])
        if dimension["Name"] == "family"
    }
    assert watched_of - drawn_of == set()
    assert {family for _, family in drawn_of} == FAMILIES


def test_every_route_has_metrics_of_its_own_and_settings_name_routes_that_exist() -> None:
    """The dashboard searches for the routes' metrics; settings of an unknown route fail a deployment."""
    api = resources("AWS::Serverless::HttpApi")["Api"]
    routes = {f"{method} {path}" for function in behind_http() for method, path in function.routes}
    assert set(api["RouteSettings"]) <= routes
    for settings in (api["DefaultRouteSettings"], *api["RouteSettings"].values()):
        assert settings["DetailedMetricsEnabled"] is True
        assert {"ThrottlingRateLimit", "ThrottlingBurstLimit"} <= settings.keys()


def test_deletions_of_channel_history_have_a_limit_of_their_own_below_the_general_one() -> None:
    [settings] = resources("AWS::Serverless::HttpApi")["Api"]["RouteSettings"].values()
    for limit in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
        assert settings[limit] == {"Ref": f"History{limit}"}
        assert parameter(f"History{limit}")["Default"] < parameter(limit)["Default"]


def test_a_page_may_delete_channel_history_and_cannot_send_an_api_key() -> None:
    deployed = transformed()["Resources"]["Api"]["Properties"]["Body"]["x-amazon-apigateway-cors"]
    assert deployed["allowOrigins"] == ["*"]
    assert set(deployed["allowMethods"]) == {"GET", "POST", "DELETE", "OPTIONS"}
    assert "allowCredentials" not in deployed
    assert {"authorization", "x-api-key", "*"}.isdisjoint(deployed["allowHeaders"])
    assert deployed["maxAge"] > 0


def test_all_functions_log_to_one_group_and_logs_are_kept_for_a_limited_time() -> None:
    for name, each in transformed()["Resources"].items():
        if each["Type"] == "AWS::Lambda::Function":
            assert each["Properties"]["LoggingConfig"] == {"LogGroup": {"Ref": "LogGroup"}}, name
        if each["Type"] == "AWS::Logs::LogGroup":
            assert each["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name


def test_the_table_survives_the_stack() -> None:
    table = template()["Resources"]["Table"]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert table["Properties"]["DeletionProtectionEnabled"] is True


def test_a_new_table_begins_with_the_files_of_a_bucket_if_one_is_named() -> None:
    assert template()["Conditions"]["HasImport"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "ImportBucket"}, ""]}]
    }
    source = {
        "InputFormat": "DYNAMODB_JSON",
        "InputCompressionType": "GZIP",
        "S3BucketSource": {"S3Bucket": {"Ref": "ImportBucket"}, "S3KeyPrefix": {"Ref": "ImportPrefix"}},
    }
    found = template()["Resources"]["Table"]["Properties"]["ImportSourceSpecification"]
    assert found == {"Fn::If": ["HasImport", source, {"Ref": "AWS::NoValue"}]}


def test_functions_behind_http_leave_the_gateway_time_for_a_cold_start() -> None:
    gateway, cold_start = 30, 5
    assert [each.name for each in behind_http() if each.timeout > gateway - cold_start] == []


def test_scheduled_runs_end_or_are_given_up_before_the_next_and_are_not_repeated_unseen() -> None:
    [minutes] = re.findall(r"^rate\((\d+) minutes\)$", parameter("PurgeSchedule")["Default"])
    purge = resources("AWS::Serverless::Function")["PurgeFunction"]
    waiting = purge["EventInvokeConfig"]
    assert purge["Timeout"] < int(minutes) * MINUTES
    assert waiting["MaximumEventAgeInSeconds"] < int(minutes) * MINUTES
    assert waiting["MaximumRetryAttempts"] == 0
    assert waiting["DestinationConfig"]["OnFailure"]["Type"] == "SQS"


def test_the_stream_is_brought_so_that_nothing_is_lost_and_nothing_holds_it_up_for_good() -> None:
    mapping = resources("AWS::Lambda::EventSourceMapping")["PublishDeletionsMapping"]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["Table", "StreamArn"]}
    assert template()["Resources"]["Table"]["Properties"]["StreamSpecification"] == {
        "StreamViewType": "NEW_AND_OLD_IMAGES"
    }
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] > 0
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {
        "Fn::GetAtt": ["PublishDeadLetterQueue", "Arn"]
    }
    # A request's worth of messages in one batch, and all of them in an event.
    assert (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"]) == (1000, 2)


def test_the_stream_has_no_more_patterns_than_lambda_takes_and_none_of_content() -> None:
    filters = resources("AWS::Lambda::EventSourceMapping")["PublishDeletionsMapping"]["FilterCriteria"][
        "Filters"
    ]
    assert len(filters) <= 5
    for each in filters:
        keys = json.loads(each["Pattern"])["dynamodb"]["Keys"]
        assert keys in ({"sk": {"S": ["MESSAGE"]}}, {"pk": {"S": [{"prefix": "SWEEP#"}]}})


def test_no_function_reserves_concurrency_so_that_small_accounts_can_deploy() -> None:
    reserving = [
        name
        for name, each in resources("AWS::Serverless::Function").items()
        if "ReservedConcurrentExecutions" in each
    ]
    assert reserving == []


def test_the_records_queue_gives_up_what_cannot_be_stored_and_only_it_may_do_so() -> None:
    queues = resources("AWS::SQS::Queue")
    queue, dead = queues["RecordsQueue"], queues["RecordsDeadLetterQueue"]
    function = resources("AWS::Serverless::Function")["StoreRecordsFunction"]
    mapping = resources("AWS::Lambda::EventSourceMapping")["StoreRecordsMapping"]

    assert queue["SqsManagedSseEnabled"] is dead["SqsManagedSseEnabled"] is True
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["RecordsDeadLetterQueue", "Arn"]},
        "maxReceiveCount": 5,
    }
    name = queue["QueueName"]["Fn::Sub"]
    arn = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:" + name
    assert dead["RedriveAllowPolicy"] == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [{"Fn::Sub": arn}],
    }
    assert dead["MessageRetentionPeriod"] == 14 * 24 * 60 * MINUTES
    assert mapping == {
        "FunctionName": {"Ref": "StoreRecordsFunction"},
        "EventSourceArn": {"Fn::GetAtt": ["RecordsQueue", "Arn"]},
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": {"Ref": "StoreConcurrency"}},
    }


def test_the_work_queue_gives_up_what_fails_and_brings_one_task_at_a_time_to_so_many_functions() -> None:
    queues = resources("AWS::SQS::Queue")
    queue, dead = queues["WorkQueue"], queues["WorkDeadLetterQueue"]
    function = resources("AWS::Serverless::Function")["WorkFunction"]

    assert queue["SqsManagedSseEnabled"] is dead["SqsManagedSseEnabled"] is True
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert function["Timeout"] > worker.SLICE
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["WorkDeadLetterQueue", "Arn"]},
        "maxReceiveCount": 3,
    }
    assert resources("AWS::Lambda::EventSourceMapping")["WorkMapping"] == {
        "FunctionName": {"Ref": "WorkFunction"},
        "EventSourceArn": {"Fn::GetAtt": ["WorkQueue", "Arn"]},
        "BatchSize": 1,
        "ScalingConfig": {"MaximumConcurrency": {"Ref": "WorkConcurrency"}},
    }
    assert parameter("WorkConcurrency")["MinValue"] == 2
