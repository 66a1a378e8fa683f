"""`expunge deletions`: what was deleted by whom and when, and what became of it."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import click

from cli.dynamodb import Command, soon, store_options
from cli.dynamodb import client as connect
from cli.key import places
from cli.listing import Columns, Format, format_option, print_one, print_rows
from cli.template import functions
from expunge.deletions import records
from expunge.deletions.record import Progress, Record
from expunge.deletions.standing import look
from expunge.history import records as channel_records
from expunge.history.notes import Sweep
from expunge.history.restoring import count_deleted
from expunge.table import keys
from expunge.table.store import Store
from expunge.webhooks.deletions import describe

_BATCH: Final = 100
"""Items that BatchGetItem takes."""


COLUMNS: Final[Columns] = {
    "id": "id",
    "family": "family",
    "state": "state",
    "requested (UTC)": "requested_at",
    "account or sub key": ("account_id", "sub_key"),
    "by": "requested_by",
    "filters": "filters",
    "restorable until (UTC)": "restorable_until",
    "error": "error",
}
"""Heading to field of a table of deletions."""


class Found(NamedTuple):
    """A deletion, and the keyset that it belongs to, if it is one of channel history."""

    record: Record
    sub_key: str | None = None


def default_setting(name: str) -> int:
    """Give the default in template.yaml of a setting that is a number, such as RETENTION_DAYS."""
    purge = next(function for function in functions() if function.name == "PurgeFunction")
    return int(purge.environment[name])


def deletion_options(*, account: str, sub_key: str) -> Callable[[Command], Command]:
    """Add ``--account`` and ``--sub-key``, with these explanations, and ``--retention-days``."""

    def add(command: Command) -> Command:
        for option in (
            click.option(
                "--retention-days",
                metavar="DAYS",
                type=click.IntRange(0, 3650),
                default=lambda: default_setting("RETENTION_DAYS"),
                show_default="the default in template.yaml",
                help="The retention in force: by it, the purge may have given messages a later date.",
            ),
            click.option("--sub-key", metavar="KEY", help=sub_key),
            click.option("--account", metavar="ID", help=account),
        ):
            command = option(command)
        return command

    return add


@click.command()
@click.argument("request_id", required=False)
@deletion_options(
    account="Only deletions of this account.", sub_key="Only deletions of channel history of this keyset."
)
@format_option
@store_options
def deletions(  # noqa: PLR0913 - click passes them by name
    *,
    request_id: str | None,
    account: str | None,
    sub_key: str | None,
    retention_days: int,
    form: Format,
    dynamodb_url: str,
    table: str,
) -> None:
    """List deletions, newest first; or show one, with how many messages are deleted now.

    Of channel history, messages that were restored or purged since are not counted.
    """
    check_owner(account, sub_key)
    store = Store(connect(dynamodb_url), table)
    if request_id is not None:
        print_one(counted(store, find(store, request_id, account, sub_key), retention_days), form)
        return
    print_rows(
        _listed(store, account, sub_key),
        COLUMNS,
        form,
        noun="deletion",
        state=lambda deletion: str(deletion["state"]),
    )


def check_owner(account: str | None, sub_key: str | None) -> None:
    """Raise UsageError if both are given."""
    if account is not None and sub_key is not None:
        raise click.UsageError("A deletion belongs to an account or to a sub key: give one of them.")


def find(store: Store, request_id: str, account: str | None, sub_key: str | None) -> Found:
    """Find one deletion, also without knowing whose it is. Raises ClickException if it is not there."""
    if account is None:
        owner = sub_key if sub_key is not None else channel_records.sub_key_of(store, request_id, soon())
        record = None if owner is None else channel_records.find(store, owner, request_id, soon())
        if record is not None:
            return Found(record, owner)
    if sub_key is None:
        owner = account if account is not None else _account_of(store, request_id)
        record = None if owner is None else records.find(store, owner, request_id, soon())
        if record is not None:
            return Found(record)
    raise click.ClickException(
        f"there is no deletion with the id {request_id!r}; `expunge deletions` lists those there are"
    )


def _account_of(store: Store, request_id: str) -> str | None:
    """Look at every account that has, or had, an API key: without one, nothing can be deleted."""
    known: set[str] = set()
    keys_of_all = places(store, None)
    while some := list(islice(keys_of_all, _BATCH)):
        accounts = {item["account_id"]["S"] for item in store.get_batch(some, soon(), "account_id")} - known
        known |= accounts
        wanted = [(keys.deletion(each, request_id), keys.DELETION) for each in accounts]
        for item in store.get_batch(wanted, soon(), "account_id") if wanted else ():
            return str(item["account_id"]["S"])
    return None


def _listed(store: Store, account: str | None, sub_key: str | None) -> Iterator[dict[str, Any]]:
    if account is not None:
        yield from (told(Found(each)) for each in records.all_newest(store, account, soon()))
    elif sub_key is not None:
        yield from (told(Found(each, sub_key)) for each in channel_records.newest(store, sub_key, soon()))
    else:
        click.echo(
            "expunge: the whole table is read, which takes long for a large one;"
            " --account or --sub-key is quicker",
            err=True,
        )
        # Only what is printed is kept: the records hold ids of messages, which take much memory.
        found = [(each.record.order, told(each)) for each in scanned(store)]
        yield from (line for _, line in sorted(found, key=lambda pair: pair[0], reverse=True))


def scanned(store: Store) -> Iterator[Found]:
    """Find all deletions by reading the whole table, in no order."""
    pages = store.client.get_paginator("scan").paginate(
        TableName=store.table,
        FilterExpression="sk = :deletion OR begins_with(pk, :sweep)",
        ExpressionAttributeValues={":deletion": {"S": keys.DELETION}, ":sweep": {"S": keys.sweeps("")}},
        ConsistentRead=True,
    )
    for page in pages:
        for item in page["Items"]:
            if item["sk"]["S"] != keys.DELETION:
                sweep = Sweep.of(item)
                yield Found(channel_records.record(sweep, Progress.EXECUTING, 0), sweep.sub_key)
            elif records.kept(item):
                record = Record.of(item)
                yield Found(record, keys.sub_key_of_deletions(record.account_id))


def told(found: Found) -> dict[str, Any]:
    """What is printed of a deletion, without counts."""
    return _owner(found) | describe(found.record)


def counted(store: Store, found: Found, retention_days: int) -> dict[str, Any]:
    """What is printed of a deletion, with what became of its messages by now."""
    record = found.record
    if found.sub_key is None:
        return _owner(found) | describe(record, look(store, record, soon()))
    if record.deletion is None:
        return told(found)
    deleted = count_deleted(store, found.sub_key, record.deletion, retention_days, soon())
    return told(found) | {"deleted": deleted}


def _owner(found: Found) -> dict[str, str]:
    return {"account_id": found.record.account_id} if found.sub_key is None else {"sub_key": found.sub_key}
