"""What alarms and the dashboard of the template watch, and that it is published."""

import ast
import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from tests import logbook
from tests.deploy.conftest import ROOT
from tests.deploy.template import parameter, resources

FAMILIES = {"inbound", "pull", "outbound", "linked", "channel", "purge", "events", "records"}


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


def test_every_metric_that_is_published_is_described_and_no_other() -> None:
    described = {name for name, _ in logbook.metrics()}
    assert sorted(published() - described) == [], (
        "docs/logs.md lacks a row for metrics that the code publishes"
    )
    assert sorted(described - published()) == [], "docs/logs.md has rows for metrics that no code publishes"


def test_the_dashboard_draws_every_metric_of_ours_that_an_alarm_watches_and_every_family() -> None:
    ours = [metric for metric in drawn() if metric[:1] == ["Expunge"]]
    drawn_of = {(name, dimensions[dimensions.index("family") + 1]) for _, name, *dimensions in ours}
    watched_of = {
        (each["MetricName"], dimension["Value"])
        for each in watched()
        for dimension in each.get("Dimensions", [])
        if dimension["Name"] == "family"
    }
    assert ("OldestDueAge", "purge") in watched_of
    assert watched_of - drawn_of == set()
    assert drawn_of - logbook.metrics().keys() == set()
    assert {family for _, family in drawn_of} == FAMILIES
