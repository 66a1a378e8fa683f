"""What is wrong with the store or the way to it is said in a sentence, in the command's own words."""

import errno
import os
import socket
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    ReadTimeoutError,
    UnauthorizedSSOTokenError,
)
from botocore.parsers import ResponseParserError

from cli.failure import explain, of_the_system
from cli.main import run
from expunge.errors import Throttled, Unavailable

URL = "http://127.0.0.1:8000"


def refused(code: str) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "this quotes s3cr3t"}}
    return ClientError(response, "Scan")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (NoRegionError(), "no AWS region was found; set AWS_DEFAULT_REGION"),
        (NoCredentialsError(), "no AWS credentials were found; configure them as for the AWS CLI"),
        (ProfileNotFound(profile="work"), "there is no AWS profile 'work'; AWS_PROFILE names another"),
        (
            EndpointConnectionError(endpoint_url=f"{URL}/"),
            (
                f"DynamoDB cannot be reached at {URL}; is `expunge serve` running?"
                " If it is at another address, name it with --dynamodb-url"
            ),
        ),
        (
            EndpointConnectionError(endpoint_url="http://me:s3cr3t/s3cr3t@127.0.0.1:8000/"),
            (
                f"DynamoDB cannot be reached at {URL}; is `expunge serve` running?"
                " If it is at another address, name it with --dynamodb-url"
            ),
        ),
        (
            refused("404"),
            (
                "what answers there is no DynamoDB (it said 404); the API of `expunge serve` is at another"
                " port than its DynamoDB, which is at http://127.0.0.1:8000 unless --dynamodb-port says"
                " otherwise"
            ),
        ),
        (
            refused("ResourceNotFoundException"),
            "the table is not there; `expunge serve` and `sam deploy` create it, --table names another",
        ),
        (
            refused("AccessDeniedException"),
            "DynamoDB refused Scan (AccessDeniedException): the credentials at hand do not permit that",
        ),
        (
            refused("InvalidSignatureException"),
            (
                "DynamoDB refused Scan (InvalidSignatureException): the secret access key at hand is wrong,"
                " or the clock of this machine is"
            ),
        ),
        (
            refused("RequestExpired"),
            "DynamoDB refused Scan (RequestExpired): the clock of this machine is wrong",
        ),
        (refused("Anything"), "DynamoDB refused Scan (Anything)"),
        (refused("none: s3cr3t"), "DynamoDB refused Scan (UnknownCode)"),
        (
            ReadTimeoutError(endpoint_url=URL, error="s3cr3t"),
            f"DynamoDB at {URL} could not be used: ReadTimeoutError",
        ),
        (
            ReadTimeoutError(endpoint_url="http://me:s3cr3t@127.0.0.1:8000"),
            f"DynamoDB at {URL} could not be used: ReadTimeoutError",
        ),
        (HTTPClientError(error="s3cr3t"), "DynamoDB could not be used: HTTPClientError"),
        (
            UnauthorizedSSOTokenError(),
            (
                "DynamoDB could not be used: The SSO session associated with this profile has expired or is"
                " otherwise invalid. To refresh this SSO session run aws sso login with the corresponding"
                " profile"
            ),
        ),
        (ResponseParserError("s3cr3t"), "what answers there cannot be read; is it a DynamoDB?"),
        (Throttled("ThrottlingException"), "store throttled; try again in a while"),
        (KeyError("ours"), None),
    ],
)
def test_what_failed_is_explained_without_repeating_what_may_quote(
    error: Exception, sentence: str | None
) -> None:
    assert explain(error) == sentence


def test_what_the_sdk_said_of_a_failure_is_explained_where_there_is_something() -> None:
    failure = Unavailable("AccessDeniedException")
    failure.__cause__ = refused("AccessDeniedException")

    assert explain(failure) == explain(failure.__cause__)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.EACCES, os.strerror(errno.EACCES), "a.jsonl"), "Permission denied: a.jsonl"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
        (OSError("this quotes s3cr3t"), "OSError"),
    ],
)
def test_what_the_system_refused_is_said_in_its_words(error: OSError, sentence: str) -> None:
    assert of_the_system(error) == sentence


def test_an_unreachable_dynamodb_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and not listening
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert run(["dump", "--dynamodb-url", url]) == 1
    assert capsys.readouterr() == ("", f"expunge: {explain(EndpointConnectionError(endpoint_url=url))}\n")


def test_of_errors_that_come_together_each_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def first() -> None:
        raise KeyError("s3cr3t")

    def fails(_url: str) -> None:
        try:
            first()
        except KeyError as error:
            raise ExceptionGroup("s3cr3t", [error, ExceptionGroup("s3cr3t", [OSError("s3cr3t")])]) from None

    monkeypatch.setattr("cli.hold.connect", fails)

    assert run(["hold", "list"]) == 1

    err = capsys.readouterr().err
    assert "in first" in err
    assert [line for line in err.splitlines() if line.startswith("builtins.")] == [
        "builtins.OSError",
        "builtins.ExceptionGroup",
        "builtins.KeyError",
        "builtins.ExceptionGroup",
    ]
    assert "s3cr3t" not in err.replace('"s3cr3t"', "")  # which stands in a line of this test


@pytest.mark.parametrize("place", ["http://my_host:8000", "127.0.0.1:8000", "http://me:s3cr3t@my_host"])
def test_an_address_that_the_sdk_does_not_take_is_said_to_be_none(
    place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", place)

    assert run(["hold", "list", "--dynamodb-url", "aws"]) == 1

    said = (
        "the address of DynamoDB, from --dynamodb-url or AWS_ENDPOINT_URL_DYNAMODB, is none that the SDK"
        " takes: http:// or https://, and a host's name of letters, digits, hyphens and dots"
    )
    assert capsys.readouterr() == ("", f"expunge: {said}\n")


def test_what_nobody_foresaw_is_shown_by_its_place_and_kind_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_url: str) -> None:
        raise KeyError(token)

    token = "s3cr3t"
    monkeypatch.setattr("cli.hold.connect", fails)

    assert run(["hold", "list"]) == 1

    out, err = capsys.readouterr()
    *frames, kind, sentence = err.splitlines()
    assert out == ""
    assert any("in fails" in line for line in frames)
    assert kind == "builtins.KeyError"
    assert sentence == "expunge: this was not foreseen; the lines above say where it failed"
    assert token not in err
