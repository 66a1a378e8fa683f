"""Errors of AWS and its SDK that quote all that came in and all that is stored."""

from collections.abc import Callable
from copy import copy
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from tests.disturbances import intercept
from tests.marked.marks import MARKS

WORDS = " ".join(MARKS.values())
SELDOM = (HTTPClientError, ResponseParserError)
QUOTING = (
    ClientError(
        {
            "Error": {"Code": "ValidationException", "Message": WORDS},
            "ResponseMetadata": {"HTTPStatusCode": 400},  # type: ignore[typeddict-item] # the part that is read
        },
        "GetItem",
    ),
    HTTPClientError(error=WORDS),
    ResponseParserError(WORDS),
    KeyError(WORDS),
)
"""Errors of AWS and its SDK that quote all that came in and all that is stored."""

each_error = pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            error, marks=pytest.mark.slow if isinstance(error, SELDOM) else (), id=type(error).__name__
        )
        for error in QUOTING
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
