"""What the template promises beside its functions: its parameters, its API, its table."""

import re

import pytest

from cli.template import Function, functions
from tests.deploy.template import parameter, resources, template, transformed


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
        assert each.get("Description"), f"the parameter {name} of template.yaml lacks its Description"
        assert "Default" in each, f"the parameter {name} of template.yaml lacks its Default"
        bound = {"Number": "MinValue", "String": "AllowedPattern"}.get(each["Type"])
        assert bound is None or {bound, "AllowedValues"} & set(each), (
            f"the parameter {name} of template.yaml takes anything: give it {bound} or AllowedValues"
        )


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


def test_no_function_reserves_concurrency_so_that_small_accounts_can_deploy() -> None:
    reserving = [
        name
        for name, each in resources("AWS::Serverless::Function").items()
        if "ReservedConcurrentExecutions" in each
    ]
    assert reserving == []
