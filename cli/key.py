"""`expunge key`: API keys for accounts, made, listed and revoked; the table knows only their digests."""

import json
import secrets
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, get_args

import click

from cli.dynamodb import client as connect
from cli.dynamodb import store_options
from expunge import timestamps
from expunge.table import keys
from expunge.table.items import key_id, writes
from expunge.table.records import BadLine, parse
from expunge.vocabulary import Scope

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from expunge.table.items import Item

account_option = click.option("--account", metavar="ID", required=True, help="The account that it is for.")


@click.group()
def key() -> None:
    """Make, list and revoke API keys.

    To rotate one: create another for the same account, give it to whoever calls, then revoke the old one.
    """


@key.command()
@account_option
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(get_args(Scope)),
    multiple=True,
    help="What it may do; may be repeated. Without it, everything.",
)
@click.option(
    "--expires-at", metavar="TIME", help="When it ends, RFC 3339 with an offset. Without it, never."
)
@store_options
def create(
    account: str, scopes: Sequence[str], expires_at: str | None, dynamodb_url: str, table: str
) -> None:
    """Make a key and print it, with its id.

    It is printed this once: only a digest of it is stored.
    """
    secret = f"hb_live_{secrets.token_urlsafe(32)}"
    fields: dict[str, Any] = {"kind": "api_key", "key": secret, "account_id": account}
    if scopes:
        fields["scopes"] = list(dict.fromkeys(scopes))
    if expires_at is not None:
        fields["expires_at"] = expires_at
    try:
        [write] = writes(parse(json.dumps(fields).encode()))
    except BadLine as error:
        raise click.UsageError(f"{error}.") from error
    connect(dynamodb_url).put_item(TableName=table, **write["Put"])
    click.echo(json.dumps({"key_id": key_id(secret), "key": secret}))


@key.command(name="list")
@account_option
@store_options
def list_keys(account: str, dynamodb_url: str, table: str) -> None:
    """List an account's keys, revoked ones too.

    Prints JSON lines: ids, scopes, expiry and since when revoked; never a key.
    """
    client = connect(dynamodb_url)
    for place in _places(client, table, account):
        item = client.get_item(TableName=table, Key=place, ConsistentRead=True).get("Item")
        if item is not None:
            click.echo(json.dumps(_shown(item)))


@key.command()
@click.argument("key_id")
@account_option
@store_options
def revoke(key_id: str, account: str, dynamodb_url: str, table: str) -> None:
    """End a key for good.

    Functions that have just seen it forget it within a minute.
    """
    client = connect(dynamodb_url)
    for place in _places(client, table, account, key_id):
        item = client.update_item(
            TableName=table,
            Key=place,
            UpdateExpression="SET revoked_at = if_not_exists(revoked_at, :now)",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":now": {"S": timestamps.millis(timestamps.now())}},
            ReturnValues="ALL_NEW",
        )["Attributes"]
        click.echo(json.dumps(_shown(item)))
        return
    raise click.ClickException(f"the account {account!r} has no key with the id {key_id!r}")


def _places(client: "DynamoDBClient", table: str, account: str, key_id: str = "") -> Iterator["Item"]:
    """Where the account's keys are, or the one with that id."""
    pages = client.get_paginator("query").paginate(
        TableName=table,
        IndexName=keys.BY_STATE,
        KeyConditionExpression="state_pk = :account" + (" AND state_sk = :id" if key_id else ""),
        ExpressionAttributeValues={
            ":account": {"S": keys.account_keys(account)},
            **({":id": {"S": key_id}} if key_id else {}),
        },
        ProjectionExpression="pk, sk",
    )
    for page in pages:
        yield from page["Items"]


def _shown(item: "Item") -> dict[str, Any]:
    """Leave out what is not there: without scopes it has all of them, without an end it has none."""
    shown: dict[str, Any] = {"key_id": item["key_id"]["S"]}
    if "scopes" in item:
        shown["scopes"] = [scope["S"] for scope in item["scopes"]["L"]]
    return shown | {name: item[name]["S"] for name in ("expires_at", "revoked_at") if name in item}
