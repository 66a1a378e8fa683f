"""`expunge dump`: messages as JSON lines in the import format, never a key or a secret."""

import json
import sys
from collections.abc import Callable, Iterator
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Final, Literal

import click
from pydantic_core import to_json

from cli import settings
from cli.dynamodb import client as connect
from cli.dynamodb import store_options
from cli.listing import Columns, Format, Row, format_option, number, print_rows
from expunge.errors import Unreadable
from expunge.table import keys
from expunge.table.flags import is_tombstone
from expunge.table.json_text import compact, read
from expunge.table.records import MESSAGE_KINDS
from expunge.table.shown import after_payload, before_payload, payload, readable
from expunge.table.store import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

State = Literal["live", "deleted", "all"]
STATES: Final[tuple[State, ...]] = ("live", "deleted", "all")

COLUMNS: Final[Columns] = {
    "id": ("id", "timetoken"),
    "kind": "kind",
    "deleted (UTC)": "deleted_at",
    "status": "status",
    "account or sub key": ("account_id", "sub_key"),
    "channel": "channel",
    "by": "deleted_by",
    "request": "delete_request_id",
    "purged from (UTC)": "purge_at",
}
"""Heading to field of a table of messages."""


@click.command()
@click.option("--kind", type=click.Choice(tuple(MESSAGE_KINDS)), help="Only messages of this kind.")
@click.option("--state", type=click.Choice(STATES), default="all", show_default=True, help="Only these.")
@click.option(
    "--settings",
    "with_settings",
    is_flag=True,
    help="Print JSON lines, and before the messages also endpoints, linked accounts, keysets without their "
    "secret keys, and the ids of API keys that are not revoked. The table is then read twice.",
)
@click.option("--account", metavar="ID", help="Only messages of this account.")
@click.option("--sub-key", metavar="KEY", help="Only messages of this keyset's channels.")
@format_option
@store_options
def dump(  # noqa: PLR0913 - click passes them by name
    *,
    kind: str | None,
    state: State,
    with_settings: bool,
    account: str | None,
    sub_key: str | None,
    form: Format,
    dynamodb_url: str,
    table: str,
) -> None:
    """Print messages: a table on a terminal, else JSON lines that `expunge load` reads.

    Records that cannot be read are left out and counted; the exit status is then 1.

    A deleted message carries who deleted it, when, and when it is due for purging; a restored one who
    restored it and when. A table shows no content and the first 500 messages, and counts all. Grants of auth
    keys are never printed: the table knows only digests of these keys.
    """
    if account is not None and sub_key is not None:
        raise click.UsageError("A message belongs to an account or to a sub key: give one of them.")
    client = connect(dynamodb_url)
    left_out: list[Item] = []
    lines = dump_lines(
        client, table, kind=kind, state=state, account=account, sub_key=sub_key, left_out=left_out.append
    )
    if with_settings:
        _print_settings(client, table)
    if form == "table" and not with_settings:
        print_rows(map(json.loads, lines), COLUMNS, "table", noun="message", state=_state)
    else:
        for line in lines:
            sys.stdout.buffer.write(line)
    if left_out:
        raise click.ClickException(
            f"{number(len(left_out), 'record')} left out that cannot be read; `expunge check` names them."
        )


def _state(message: Row) -> State:
    return "deleted" if "deleted_at" in message else "live"


def _print_settings(client: "DynamoDBClient", table: str) -> None:
    grants = 0
    for record in settings.records(client, table):
        if record is None:
            grants += 1
            continue
        sys.stdout.buffer.write(to_json(record) + b"\n")
    if grants:
        click.echo(
            f"expunge: grants of auth keys are not printed ({grants} in all), because the table knows only"
            " digests of these keys; load them again from where they came",
            err=True,
        )


def dump_lines(  # noqa: PLR0913 - by name
    client: "DynamoDBClient",
    table: str,
    *,
    kind: str | None = None,
    state: State = "all",
    account: str | None = None,
    sub_key: str | None = None,
    left_out: Callable[[Item], object] = lambda _: None,
) -> Iterator[bytes]:
    """Yield a line, newline included, for each message of the kind, state and owner, in no particular order.

    Streams: memory stays small however large the table. What is written meanwhile may be in it or not.
    Erased content is left out. `left_out` is given what cannot be read.
    """
    wanted = (
        (metadata, content)
        for metadata, content in _messages(client, table)
        if kind in (None, metadata.get("kind", {}).get("S"))
        and state in ("all", _state(metadata))
        and account in (None, metadata.get("account_id", {}).get("S"))
        and sub_key in (None, metadata.get("sub_key", {}).get("S"))
    )
    while some := list(islice(wanted, _BATCH)):
        # Few: messages that have no content, and those whose two items are on different pages of the scan.
        missing = [metadata["pk"] for metadata, content in some if content is None]
        found = _contents(client, table, missing)
        for metadata, content in some:
            try:
                printed = line(metadata, content or found.get(metadata["pk"]["S"]))
            except Unreadable:
                left_out(metadata)
            else:
                yield printed


def _messages(client: "DynamoDBClient", table: str) -> Iterator[tuple[Item, Item | None]]:
    """Yield each message's metadata, and its content if the scan brings both items one after the other.

    It nearly always does, because DynamoDB keeps the items of a partition together.
    """
    for _, partition in groupby(_scan(client, table), key=lambda item: item["pk"]["S"]):
        items = {item["sk"]["S"]: item for item in partition}
        if keys.MESSAGE in items and not is_tombstone(items[keys.MESSAGE]):
            yield items[keys.MESSAGE], items.get(keys.CONTENT)


def _scan(client: "DynamoDBClient", table: str) -> Iterator[Item]:
    start: dict[str, Any] = {}
    while True:
        page: Any = client.scan(TableName=table, ConsistentRead=True, **start)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _contents(client: "DynamoDBClient", table: str, partitions: list[dict[str, str]]) -> dict[str, Item]:
    """Look content items up, and return those that are there by partition key."""
    found: dict[str, Item] = {}
    wanted: Any = {}
    if partitions:
        content = {"sk": {"S": keys.CONTENT}}
        wanted = {table: {"Keys": [{"pk": pk} | content for pk in partitions], "ConsistentRead": True}}
    while wanted:
        # Without a pause: if DynamoDB is too busy to read any of the keys, it answers with an error, and the
        # SDK waits.
        answer: Any = client.batch_get_item(RequestItems=wanted)
        found |= {item["pk"]["S"]: item for item in answer["Responses"][table]}
        wanted = answer["UnprocessedKeys"]
    return found


def line(metadata: Item, content: Item | None) -> bytes:
    """Write a message that is not purged as a line, newline included. Raises Unreadable."""
    with readable():
        parts = [_members(before_payload(metadata))]
        if content is not None:
            parts.append(b'"payload":' + _on_one_line(payload(content)))
        if added := after_payload(metadata):
            parts.append(_members(added))
    return b"{" + b",".join(parts) + b"}\n"


def _on_one_line(text: bytes) -> bytes:
    """Give JSON as it is, or without blanks where another writer has spread it over lines.

    Raises ValueError for what is no JSON.
    """
    value = read(text)
    return compact(value) if b"\n" in text or b"\r" in text else text


def _members(fields: dict[str, Any]) -> bytes:
    return to_json(fields)[1:-1]


_BATCH: Final = 100
"""Keys that BatchGetItem takes."""
