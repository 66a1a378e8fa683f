"""The DynamoDB that a command talks to: embedded, DynamoDB Local or AWS's own."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from cli.form import check_first_use
from cli.template import default_table_name, table_definition, time_to_live
from cli.urls import parts_of
from expunge.deadline import Deadline

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Command = TypeVar("Command", bound=Callable[..., Any])

AWS: Final = "aws"
DEFAULT_URL: Final = "http://127.0.0.1:8000"

REGION: Final = "us-east-1"
ACCESS_KEY: Final = "expunge"
"""Key id and secret for an endpoint that is not AWS: it checks neither, but the SDK must have some.

DynamoDB Local and the embedded one keep separate tables for separate regions and key ids.
"""


def client(url: str) -> "DynamoDBClient":
    """Connect to DynamoDB as `connection` says."""
    found: DynamoDBClient = connection(url, "dynamodb")
    if url == AWS:
        check_first_use(found)
    return found


def connection(url: str, service: str) -> Any:
    """Connect to the endpoint ``url``, or with ``aws`` to AWS with the user's own credentials and region.

    Nothing need be configured for an endpoint of one's own. Parameters are not validated by the SDK: that
    takes as long as all the rest of a call, and DynamoDB validates them anyway.
    """
    # Here, because these imports take a third of a second, which `expunge --help` need not wait for.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.session import Session  # noqa: PLC0415

    from expunge.table.session import SERVICES, Models  # noqa: PLC0415

    config = Config(
        parameter_validation=False,
        connect_timeout=3,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=16,
    )
    # For an endpoint of one's own no profile is looked up: AWS_PROFILE may name one that is not there.
    found = Session() if url == AWS else Session({"profile": (None, None, None, None)})
    if service in SERVICES:
        found.register_component("data_loader", Models())
    session = boto3.Session(botocore_session=found)
    if url == AWS:
        return session.client(service, config=config)  # type: ignore[call-overload] # one of two
    return session.client(  # type: ignore[call-overload] # one of two
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=ACCESS_KEY,
        config=config,
    )


def soon() -> Deadline:
    """A deadline for a call that somebody waits for: half a minute from now."""
    return Deadline.within(30)


def create_table(client: "DynamoDBClient", name: str, *, stream: bool = True) -> bool:
    """Create the template's table under ``name`` and wait until it can be used; False if it was there.

    Without the table's stream that is quicker.
    """
    definition = table_definition(name)
    if not stream:
        definition.pop("StreamSpecification", None)
    created = False
    try:
        # Looked for first, because whoever may use a table need not be allowed to create one.
        client.describe_table(TableName=name)
    except client.exceptions.ResourceNotFoundException:
        with suppress(client.exceptions.ResourceInUseException):
            client.create_table(**definition)
            created = True
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    return created


def let_expire(client: "DynamoDBClient", name: str) -> None:
    """Have the engine remove expired items by itself (DynamoDB's TTL), as the template has it."""
    client.update_time_to_live(TableName=name, TimeToLiveSpecification=time_to_live())  # type: ignore[arg-type]


def check_url(_context: click.Context, _option: click.Parameter, url: str | None) -> str | None:
    """Click callback: an http or https URL, or ``aws``."""
    if url is not None and url != AWS and parts_of(url) is None:
        raise click.BadParameter(f'{url!r} is neither an http(s) URL nor "aws".')
    return url


def store_options(command: Command) -> Command:
    """Add ``--dynamodb-url`` and ``--table`` to a click command."""
    url = click.option(
        "--dynamodb-url",
        metavar="URL",
        default=DEFAULT_URL,
        callback=check_url,
        show_default=True,
        help='Where DynamoDB listens; "aws" is AWS itself, with your own credentials and region.',
    )
    table = click.option(
        "--table",
        metavar="NAME",
        default=default_table_name,
        show_default="the name in template.yaml",
        help="The table that holds the records.",
    )
    return url(table(command))
