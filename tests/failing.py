"""What the SDK raises when the store does not do what it was asked."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

LOST = ReadTimeoutError(endpoint_url="https://dynamodb.example")
"""No answer came, whatever was done."""


def refusal(code: str, status: int = 400, **fields: Any) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}, **fields}
    return ClientError(response, "TransactWriteItems")


def raising(error: BaseException) -> Callable[..., Any]:
    """A call, of the store or of a function in front of it, that ends so."""

    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail
