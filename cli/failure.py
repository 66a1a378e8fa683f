"""What a command says when something fails: our own words alone.

The store's and the SDK's may quote the item, the request or its headers, and so a secret or a content. Of
them no more is repeated than a code, the name of a kind, and sentences that nothing is filled into.
"""

from collections.abc import Mapping
from typing import Any, Final

from cli.dynamodb import DEFAULT_URL
from cli.urls import shown
from expunge.errors import StoreError, code_of

_SERVE: Final = (
    f"the API of `expunge serve` is at another port than its DynamoDB, which is at {DEFAULT_URL}"
    " unless --dynamodb-port says otherwise"
)
_NO_ADDRESS: Final = (
    "the address of DynamoDB, from --dynamodb-url or AWS_ENDPOINT_URL_DYNAMODB, is none that the SDK takes:"
    " http:// or https://, and a host's name of letters, digits, hyphens and dots"
)
_UNKNOWN: Final = "it does not know the credentials at hand"
_TOO_MUCH: Final = "it is asked too much; try again in a while"
_REASONS: Final[Mapping[str, str]] = {
    "AccessDeniedException": "the credentials at hand do not permit that",
    "UnrecognizedClientException": _UNKNOWN,
    "InvalidClientTokenId": _UNKNOWN,
    "InvalidSignatureException": "the secret access key at hand is wrong, or the clock of this machine is",
    "IncompleteSignatureException": _UNKNOWN,
    "ExpiredTokenException": "the credentials at hand have expired",
    "RequestExpired": "the clock of this machine is wrong",
    "ThrottlingException": _TOO_MUCH,
    "RequestLimitExceeded": _TOO_MUCH,
    "ProvisionedThroughputExceededException": _TOO_MUCH,
    "ValidationException": "is the table one that expunge has made? --table names another",
}
"""What the codes of DynamoDB mean to whoever typed the command."""


def explain(error: Exception) -> str | None:  # noqa: PLR0911 - one for each kind
    """Say in a sentence what is wrong with DynamoDB or the way to it; None for an error of another kind."""
    from botocore import exceptions  # noqa: PLC0415 - slow to import, and only needed when something failed
    from botocore.parsers import ResponseParserError  # noqa: PLC0415 - likewise

    match error:
        case StoreError():
            return _shortcoming(error)
        case exceptions.EndpointConnectionError() | exceptions.ConnectTimeoutError():
            url = shown(error.kwargs["endpoint_url"])
            return (
                f"DynamoDB cannot be reached at {url}; is `expunge serve` running? "
                "If it is at another address, name it with --dynamodb-url"
            )
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError():
            return "no AWS credentials were found; configure them as for the AWS CLI"
        case exceptions.NoRegionError():
            return "no AWS region was found; set AWS_DEFAULT_REGION"
        case exceptions.ProfileNotFound():
            return f"there is no AWS profile {error.kwargs['profile']!r}; AWS_PROFILE names another"
        case exceptions.ClientError():
            return _refusal(error.operation_name, code_of(error.response["Error"].get("Code")))
        case exceptions.BotoCoreError():
            return _unusable(error)
        case ResponseParserError():
            return "what answers there cannot be read; is it a DynamoDB?"
        case ValueError() if str(error).startswith("Invalid endpoint: "):  # the SDK has no kind for it
            return _NO_ADDRESS
    return None


def _shortcoming(error: StoreError) -> str:
    """Say what the SDK said, if that caused the error."""
    cause = error.__cause__
    said = explain(cause) if isinstance(cause, Exception) else None
    return said or f"{error.reason}; try again in a while"


def _refusal(operation: str, code: str) -> str:
    if code.isdigit():  # the status of a reply that names no error as DynamoDB does
        return f"what answers there is no DynamoDB (it said {code}); {_SERVE}"
    if code == "ResourceNotFoundException":
        return "the table is not there; `expunge serve` and `sam deploy` create it, --table names another"
    said = f"DynamoDB refused {operation} ({code})"
    return f"{said}: {_REASONS[code]}" if code in _REASONS else said


def _unusable(error: Any) -> str:
    """Say of an error of the SDK what it always says, or else its kind."""
    where = f" at {shown(error.kwargs['endpoint_url'])}" if "endpoint_url" in error.kwargs else ""
    said = type(error).__name__ if "{" in error.fmt else error.fmt.rstrip(".")
    return f"DynamoDB{where} could not be used: {said}"


def of_the_system(error: OSError) -> str:
    """Say what the operating system said, and of which file; else the kind."""
    said = error.strerror or type(error).__name__
    return said if error.filename is None else f"{said}: {error.filename}"
