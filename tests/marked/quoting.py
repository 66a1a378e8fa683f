"""Errors of AWS and its SDK that quote all that came in and all that is stored."""

from collections.abc import Callable, Mapping
from copy import copy
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from tests.disturbances import intercept
from tests.marked.marks import MARKS

WORDS = " ".join(MARKS.values())


def refusal(code: str, status: int = 400) -> ClientError:
    """What the SDK raises for an answer that names an error."""
    response: Any = {
        "Error": {"Code": code, "Message": WORDS},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "GetItem")


QUOTING: Mapping[str, Exception] = {
    "a refusal": refusal("ValidationException"),
    "a code that is none": refusal(WORDS),
    "an HTTP error": HTTPClientError(error=WORDS),
    "an answer that cannot be read": ResponseParserError(WORDS),
    "an error of Python's": KeyError(WORDS),
}
SELDOM = ("a code that is none", "an HTTP error", "an answer that cannot be read")

each_error = pytest.mark.parametrize(
    "error",
    [
        pytest.param(error, marks=pytest.mark.slow if what in SELDOM else (), id=what)
        for what, error in QUOTING.items()
    ],
)


def failing(first: int, error: Exception, does: Callable[[], object]) -> None:
    """Have it done while all calls of AWS fail, from that one on."""
    calls = count()

    def call(make: Any, client: Any, operation: str, params: Any) -> Any:
        if next(calls) >= first:
            raise copy(error)
        return make(client, operation, params)

    with pytest.MonkeyPatch.context() as patch:
        intercept(patch, call, ("dynamodb", "s3", "ssm", "sqs"))
        does()
