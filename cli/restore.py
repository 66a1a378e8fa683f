"""`expunge restore`: what a request deleted becomes live again."""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import click

from cli.deletions import Found, check_owner, default_setting, deletion_options, find
from cli.dynamodb import client as connect
from cli.dynamodb import soon, store_options
from cli.failure import explain
from cli.progress import stoppable
from expunge import timestamps, timetokens
from expunge.deadline import Deadline
from expunge.deletions import restore as restoring
from expunge.deletions.restore import Restorer
from expunge.deletions.standing import read, settle
from expunge.errors import OutOfTime, StoreError, Throttled
from expunge.history.restoring import Message, end_sweep, restore_all, restore_some
from expunge.table.store import Store

OPERATOR: Final = "operator"

_SECONDS: Final = 60
"""For an attempt. If it runs out of them, another one begins, as long as each makes progress."""


@click.command()
@click.argument("request_id")
@click.option(
    "--id",
    "ids",
    metavar="ID",
    multiple=True,
    help="Only this message; may be repeated. In a channel's history, CHANNEL:TIMETOKEN.",
)
@deletion_options(
    account="The account that the deletion belongs to; quicker if known.",
    sub_key="The keyset that it belongs to; quicker if known.",
)
@store_options
def restore(  # noqa: PLR0913 - click passes them by name
    *,
    request_id: str,
    ids: Sequence[str],
    account: str | None,
    sub_key: str | None,
    retention_days: int,
    dynamodb_url: str,
    table: str,
) -> None:
    """Make live again what a request deleted, and nothing else; print how many messages.

    A deletion of channel history that is still under way in the background is ended first.
    """
    check_owner(account, sub_key)
    store = Store(connect(dynamodb_url), table)
    found = find(store, request_id, account, sub_key)
    with stoppable("what is restored stays so, and the same command goes on"):
        count = restored(store, found, ids, retention_days)
    click.echo(json.dumps({"restored": count}))


def restored(store: Store, found: Found, ids: Sequence[str], retention_days: int) -> int:
    """Restore what a deletion deleted, or some of it; return the number. Raises ClickException if it is 0."""
    if found.sub_key is None:
        count = _restore_listed(store, found, ids)
    else:
        count = _restore_history(store, found, found.sub_key, _messages(ids), retention_days)
    if not count:
        raise click.ClickException(
            f"nothing of {found.record.id} can be restored: what it deleted is live again, purged, or was"
            " deleted by another request since"
        )
    return count


def _restore_listed(store: Store, found: Found, ids: Sequence[str]) -> int:
    record, wanted = found.record, {each.lower() for each in ids}
    rows = read(store, record, soon(), restoring.ATTRIBUTES)
    settle(store, record, rows, soon())
    own = [each for each in record.ids if not wanted or each in wanted]
    restorations = restoring.of_record(record, rows, own, _restorer())
    stopped = restoring.restore(store, list(restorations.values()), soon())
    restored = sum(each.restored for each in restorations.values())
    if stopped is not None:
        raise _stopped(restored, stopped.error)
    return restored


def _restore_history(
    store: Store, found: Found, sub_key: str, messages: Sequence[Message], retention_days: int
) -> int:
    deletion = found.record.deletion
    if deletion is None:
        return 0
    if end_sweep(store, sub_key, deletion.request_id, default_setting("DELETION_RECORD_DAYS"), soon()):
        click.echo(
            "expunge: the deletion was still under way and is ended; what it was deleting at this moment may"
            " be found by the same command in a minute",
            err=True,
        )

    def steps(deadline: Deadline) -> Iterator[int]:
        # With another id each time, so that what an index that lags shows again is not counted again.
        if messages:
            return restore_some(store, sub_key, deletion, _restorer(), messages, deadline)
        return restore_all(store, sub_key, deletion, _restorer(), retention_days, deadline)

    return _to_the_end(steps)


def _to_the_end(steps: Callable[[Deadline], Iterator[int]]) -> int:
    """Add up what the steps did. Begin them again with new time as long as there is progress."""
    total = 0
    while True:
        before = total
        try:
            for restored in steps(_while()):
                total += restored
        except (OutOfTime, Throttled) as error:
            if total == before:
                raise _stopped(total, error) from error
        except StoreError as error:
            raise _stopped(total, error) from error
        else:
            return total


def _stopped(restored: int, error: StoreError) -> click.ClickException:
    cause = error.__cause__
    said = (explain(cause) if isinstance(cause, Exception) else None) or error.reason
    return click.ClickException(
        f"stopped after {restored} messages were restored: {said}; the same command continues"
    )


def _while() -> Deadline:
    end = time.monotonic() + _SECONDS
    return Deadline(lambda: int(1000 * (end - time.monotonic())))


def _restorer() -> Restorer:
    return Restorer(f"req_{uuid.uuid4().hex}", OPERATOR, timestamps.millis(timestamps.now()))


def _messages(ids: Sequence[str]) -> Sequence[Message]:
    """Read CHANNEL:TIMETOKEN; a channel's name may hold colons. Raises click.BadParameter."""
    messages = []
    for each in ids:
        channel, _, timetoken = each.rpartition(":")
        try:
            messages.append(Message(channel, timetokens.parse(timetoken)))
        except ValueError:
            channel = ""
        if not channel:
            raise click.BadParameter(
                f"{each!r} is not CHANNEL:TIMETOKEN, which an id in a channel's history is.",
                param_hint="'--id'",
            )
    return messages
