"""`expunge hold`: what must be kept, whatever its date says, until somebody releases it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import click

from cli.dynamodb import client as connect
from cli.dynamodb import soon, store_options
from cli.listing import Columns, Format, format_option, print_rows
from expunge.deletions import holding
from expunge.deletions.covered import Covered
from expunge.deletions.presence import not_there
from expunge.errors import HoldReleased, NoSuchHold, NotHoldable
from expunge.table.store import Store

OPERATOR: Final = "operator"

by_option = click.option(
    "--by", metavar="NAME", default=OPERATOR, show_default=True, help="Who says so, for the record."
)


COLUMNS: Final[Columns] = {
    "id": "id",
    "account or sub key": ("account_id", "sub_key"),
    "endpoint or channel": ("endpoint_id", "channel"),
    "messages": "messages",
    "reason": "reason",
    "by": "by",
    "in force from (UTC)": "in_force_from",
    "released (UTC)": "released_at",
}
"""Heading to field of a table of holds."""


@click.group()
def hold() -> None:
    """Place, list and release holds.

    What is held can be deleted and restored as ever, but it is neither purged nor erased, from a minute after
    the hold was placed at the latest.
    """


@hold.command()
@click.option("--account", metavar="ID", help="All messages of this account.")
@click.option(
    "--endpoint", metavar="ID", help="Only those of this endpoint, or linked account, of the account."
)
@click.option("--sub-key", metavar="KEY", help="The history of all channels of this keyset.")
@click.option("--channel", metavar="NAME", help="Only that of this channel.")
@click.option(
    "--message",
    "messages",
    metavar="ID",
    multiple=True,
    help="Only this message; may be repeated. In a keyset, CHANNEL:TIMETOKEN.",
)
@click.option("--reason", metavar="TEXT", required=True, help="Why it is held, for the record.")
@by_option
@store_options
def place(  # noqa: PLR0913 - click passes them by name
    *,
    account: str | None,
    endpoint: str | None,
    sub_key: str | None,
    channel: str | None,
    messages: Sequence[str],
    reason: str,
    by: str,
    dynamodb_url: str,
    table: str,
) -> None:
    """Hold an account or a sub key, or something of it.

    It need not be there yet. Prints the hold as JSON, with its id and with the time from which on it is in
    force.
    """
    store = Store(connect(dynamodb_url), table)
    covered = Covered(
        account_id=account, endpoint_id=endpoint, sub_key=sub_key, channel=channel, messages=messages
    )
    with _sentences():
        placed = holding.place(store, covered, reason=reason, by=by, deadline=soon())
    click.echo(json.dumps(placed.told()))
    for each in not_there(store, placed.covered, soon()):
        click.echo(f"expunge: there is no {each} yet; the hold covers it as soon as there is", err=True)


@hold.command(name="list")
@click.option("--all", "released", is_flag=True, help="Those that are released, too.")
@click.option("--account", metavar="ID", help="Only holds of this account.")
@format_option
@store_options
def list_holds(*, released: bool, account: str | None, form: Format, dynamodb_url: str, table: str) -> None:
    """List holds, oldest first."""
    store = Store(connect(dynamodb_url), table)
    found = (
        hold.told()
        for hold in holding.listed(store, soon(), released=released)
        if account in (None, hold.covered.account_id)
    )
    print_rows(found, COLUMNS, form, noun="hold")


@hold.command()
@click.argument("hold_id")
@by_option
@store_options
def release(*, hold_id: str, by: str, dynamodb_url: str, table: str) -> None:
    """End a hold.

    What no other one covers is due for purging as before, from the next run on.
    """
    store = Store(connect(dynamodb_url), table)
    with _sentences():
        released = holding.release(store, hold_id, by=by, deadline=soon())
    click.echo(json.dumps(released.told()))


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn errors about holds into those that click prints in a sentence, with the right exit status."""
    try:
        yield
    except NotHoldable as error:
        raise click.UsageError(f"{error}.") from error
    except NoSuchHold as error:
        raise click.ClickException(f"{error}; `expunge hold list` shows those there are") from error
    except HoldReleased as error:
        raise click.ClickException(str(error)) from error
