"""`expunge token`: an Access Manager token, version 3, for PubNub's SDKs."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from cli.dynamodb import client as connect
from cli.dynamodb import store_options
from expunge.history import tokens
from expunge.table import keys
from expunge.vocabulary import LONGEST_UUID, PERMISSIONS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def _check_patterns(
    _context: click.Context, _option: click.Parameter, patterns: Sequence[str]
) -> Sequence[str]:
    import re2  # type: ignore[import-untyped] # noqa: PLC0415 - it has no types; only patterns need it

    options = re2.Options()
    options.log_errors = False
    for pattern in patterns:
        try:
            re2.compile(pattern, options)
        except re2.error as error:
            raise click.BadParameter(f"{pattern!r} is no regular expression of RE2's.") from error
    return patterns


def _check_channels(
    _context: click.Context, _option: click.Parameter, channels: Sequence[str]
) -> Sequence[str]:
    for channel in channels:
        if not channel.strip() or "," in channel:
            raise click.BadParameter(f"{channel!r} cannot be a channel's name.")
    return channels


def _check_uuid(_context: click.Context, _option: click.Parameter, uuid: str | None) -> str | None:
    if uuid is not None and not 0 < len(uuid) <= LONGEST_UUID:
        raise click.BadParameter(f"It must be 1 to {LONGEST_UUID} characters long.")
    return uuid


@click.command()
@click.option("--sub-key", metavar="KEY", required=True, help="The keyset, by its subscribe key.")
@click.option(
    "--channel",
    "channels",
    metavar="NAME",
    multiple=True,
    callback=_check_channels,
    help="Grant this channel; may be repeated.",
)
@click.option(
    "--pattern",
    "patterns",
    metavar="REGEX",
    multiple=True,
    callback=_check_patterns,
    help="Grant the channels whose whole name matches; may be repeated.",
)
@click.option(
    "--permission",
    "permissions",
    type=click.Choice(PERMISSIONS),
    multiple=True,
    required=True,
    help="What is granted; may be repeated.",
)
@click.option(
    "--ttl",
    metavar="MINUTES",
    type=click.IntRange(1, tokens.LONGEST_TTL),
    required=True,
    help="How long it is good: 1 to 43200 minutes.",
)
@click.option(
    "--uuid", metavar="UUID", callback=_check_uuid, help="Make it good for the client of this uuid only."
)
@store_options
def token(  # noqa: PLR0913 - an option each
    *,
    sub_key: str,
    channels: Sequence[str],
    patterns: Sequence[str],
    permissions: Sequence[str],
    ttl: int,
    uuid: str | None,
    dynamodb_url: str,
    table: str,
) -> None:
    """Issue a token that grants permissions on channels.

    \b
    Example:
      expunge token --sub-key sub-c-demo --channel demo-channel --permission delete --ttl 60
    """  # noqa: D301 - \b is click's: it keeps the lines of the example
    if not channels and not patterns:
        raise click.UsageError("At least one --channel or --pattern is needed.")
    bits = sum(1 << PERMISSIONS.index(name) for name in set(permissions))
    fields: dict[bytes, Any] = {
        b"v": 2,
        b"t": int(time.time()),
        b"ttl": ttl,
        b"res": _resources(channels, bits),
        b"pat": _resources(patterns, bits),
        b"meta": {},
    }
    if uuid is not None:
        fields[b"uuid"] = uuid.encode()
    click.echo(tokens.issue(fields, _secret_key(connect(dynamodb_url), table, sub_key)))


def _resources(channels: Sequence[str], bits: int) -> dict[bytes, dict[bytes, int]]:
    granted = {name.encode(): bits for name in channels}
    # PubNub's own tokens name every kind of resource.
    return {b"chan": granted, b"grp": {}, b"usr": {}, b"spc": {}, b"uuid": {}}


def _secret_key(client: "DynamoDBClient", table: str, sub_key: str) -> str:
    key = {"pk": {"S": keys.keyset(sub_key)}, "sk": {"S": keys.KEYSET}}
    item = client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
    if item is None:
        raise click.ClickException(
            f"no keyset has the subscribe key {sub_key!r}; `expunge dump --settings` shows those there are"
        )
    return item["secret_key"]["S"]
