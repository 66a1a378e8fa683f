"""Which of the user's settings for AWS a command and its sandboxes keep."""

import os
from pathlib import Path

import pytest

from cli.dynamodb import client
from cli.environment import environment
from cli.template import Function


def test_an_endpoint_needs_nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    assert client("http://127.0.0.1:1").meta.endpoint_url == "http://127.0.0.1:1"


def test_a_sandbox_at_an_endpoint_inherits_nothing_of_the_users_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"AWS_PROFILE": "work", "PATH": "/bin", "no_proxy": "example.com"})
    function = Function("Name", Path(), "module", "handler", 29, 512, {"TABLE_NAME": "expunge"}, ())
    assert environment(function, "http://127.0.0.1:8000", "us-east-1", verbose=False) == {
        "AWS_ACCESS_KEY_ID": "expunge",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8000",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:8000",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_NAME": "Name",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_REGION": "us-east-1",
        "AWS_SECRET_ACCESS_KEY": "expunge",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "example.com,127.0.0.1",
        "PATH": "/bin",
        "POWERTOOLS_LOG_LEVEL": "WARNING",
        "POWERTOOLS_METRICS_DISABLED": "true",
        "TABLE_NAME": "expunge",
        "WORK_QUEUE_URL": "",
        "no_proxy": "example.com,127.0.0.1",
    }


def test_a_sandbox_at_aws_has_the_users_own_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """And so has `expunge purge`: it asks where the other commands do, whatever the template leaves open."""
    private = "https://vpce-1.dynamodb.eu-central-1.vpce.amazonaws.com"
    monkeypatch.setattr(os, "environ", {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_DYNAMODB": private})
    left_open = {"AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_ENDPOINT_URL_S3": ""}
    function = Function("Name", Path(), "module", "handler", 29, 512, left_open, ())
    assert environment(function, "aws", "eu-central-1", verbose=True) == {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL_DYNAMODB": private,
        "AWS_ENDPOINT_URL_S3": "",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_NAME": "Name",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_PROFILE": "work",
        "AWS_REGION": "eu-central-1",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_METRICS_DISABLED": "true",
        "WORK_QUEUE_URL": "",
    }
