"""`expunge key`: API keys for accounts, made, listed and revoked; the table knows only their digests."""

import json
import secrets
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final, get_args

import click

from cli.dynamodb import client as connect
from cli.dynamodb import soon, store_options
from cli.listing import Columns, Format, Row, format_option, print_rows
from expunge import timestamps
from expunge.table import keys
from expunge.table.items import key_id, writes
from expunge.table.records import BadLine, parse
from expunge.table.store import Item, Store
from expunge.vocabulary import Scope


@click.group()
def key() -> None:
    """Make, list and revoke API keys.

    To rotate one: create another for the same account, give it to whoever calls, then revoke the old one.
    """


@key.command()
@click.option("--account", metavar="ID", required=True, help="The account that it is for.")
@click.option("--label", metavar="TEXT", help="Something to tell it from other keys by.")
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
    *,
    account: str,
    label: str | None,
    scopes: Sequence[str],
    expires_at: str | None,
    dynamodb_url: str,
    table: str,
) -> None:
    """Make a key and print it, with its id.

    It is printed this once: only a digest of it is stored.
    """
    secret = f"hb_live_{secrets.token_urlsafe(32)}"
    fields: dict[str, Any] = {"kind": "api_key", "key": secret, "account_id": account}
    if label is not None:
        fields["label"] = label
    if scopes:
        fields["scopes"] = list(dict.fromkeys(scopes))
    if expires_at is not None:
        fields["expires_at"] = expires_at
    try:
        [write] = writes(parse(json.dumps(fields).encode()))
    except BadLine as error:
        raise click.UsageError(f"{_of_option(error)}.") from error
    if expires_at is not None and timestamps.parse(expires_at) <= timestamps.now():
        raise click.BadParameter(
            f"{expires_at} has passed: the key could never be used.", param_hint="'--expires-at'"
        )
    connect(dynamodb_url).update_item(TableName=table, **write["Update"])
    click.echo(json.dumps({"key_id": key_id(secret), "key": secret}))


def _of_option(error: BadLine) -> str:
    """Say what is wrong with the option, such as --expires-at, that fills the field."""
    if error.field is None:
        return str(error)
    option = "--account" if error.field == "account_id" else f"--{error.field.replace('_', '-')}"
    return str(error).replace(error.field, option, 1)


@key.command(name="list")
@click.option("--account", metavar="ID", help="Only the keys of this account.")
@format_option
@store_options
def list_keys(account: str | None, form: Format, dynamodb_url: str, table: str) -> None:
    """List API keys, revoked ones too.

    Prints id, account, label, when it was made, the day (UTC) of its last use, scopes, end, and
    since when it is revoked; never a key. A key without scopes has all of them, one without an end has none.
    """
    store = Store(connect(dynamodb_url), table)
    print_rows(_listed(store, account), COLUMNS, form, noun="key", state=_state)


def _listed(store: Store, account: str | None) -> Iterator[Row]:
    found_places = places(store, account)
    while some := list(islice(found_places, _BATCH)):
        found = {item["pk"]["S"]: item for item in store.get_batch(some, soon(), ", ".join(_READ))}
        yield from (_shown(found[pk]) for pk, _ in some if pk in found)


def _state(key: Row) -> str:
    """Whether a key is good, expired or revoked. `expires_at` may have another offset than UTC's."""
    if "revoked_at" in key:
        return "revoked"
    ended = "expires_at" in key and timestamps.parse(key["expires_at"]) <= timestamps.now()
    return "expired" if ended else "good"


@key.command()
@click.argument("key_id")
@click.option("--account", metavar="ID", help="Only if it is a key of this account.")
@store_options
def revoke(key_id: str, account: str | None, dynamodb_url: str, table: str) -> None:
    """End a key for good.

    Functions that have just seen it forget it within a minute. A key that is revoked already stays so.
    """
    store = Store(connect(dynamodb_url), table)
    now = timestamps.millis(timestamps.now())
    for pk, sk in places(store, account, key_id):
        item = store.update(
            pk,
            sk,
            soon(),
            UpdateExpression="SET revoked_at = if_not_exists(revoked_at, :now)",
            ExpressionAttributeValues={":now": {"S": now}},
            ReturnValues="ALL_NEW",
        )
        since = item["revoked_at"]["S"]
        if since != now:
            click.echo(f"expunge: the key has been revoked before, at {since}", err=True)
        click.echo(json.dumps(_shown(item)))
        return
    where = "there is" if account is None else f"the account {account!r} has"
    # What was given is not repeated: it may be the key itself.
    raise click.ClickException(f"{where} no key with that id; `expunge key list` shows those there are")


def places(store: Store, account: str | None, key_id: str = "") -> Iterator[tuple[str, str]]:
    """Partition and sort keys of all API keys, or of an account's, or of the one with that id."""
    index, attribute, pk = keys.BY_STATE, "state_pk", keys.API_KEYS
    if account is not None:
        index, attribute, pk = keys.BY_GROUP, "group_pk", keys.account_keys(account)
    condition, values = f"{attribute} = :pk", {":pk": {"S": pk}}
    if key_id:
        condition, values[":id"] = f"{condition} AND state_sk = :id", {"S": key_id}
    query = partial(
        store.query, IndexName=index, KeyConditionExpression=condition, ExpressionAttributeValues=values
    )
    page = query(soon())
    while True:
        yield from ((item["pk"]["S"], item["sk"]["S"]) for item in page.items)
        if page.start is None:
            return
        page = query(soon(), ExclusiveStartKey=page.start)


_TEXTS: Final = ("key_id", "account_id", "label", "created_at", "last_used_on", "expires_at", "revoked_at")
COLUMNS: Final[Columns] = {
    "id": "key_id",
    "account": "account_id",
    "label": "label",
    "made (UTC)": "created_at",
    "last used": "last_used_on",
    "scopes": "scopes",
    "ends": "expires_at",
    "revoked (UTC)": "revoked_at",
}
"""Heading to field of a table of keys."""

_READ: Final = ("pk", "scopes", *_TEXTS)

_BATCH: Final = 100
"""Items that BatchGetItem takes."""


def _shown(item: Item) -> dict[str, Any]:
    shown: dict[str, Any] = {name: item[name]["S"] for name in _TEXTS if name in item}
    if "scopes" in item:
        shown["scopes"] = [scope["S"] for scope in item["scopes"]["L"]]
    return shown
