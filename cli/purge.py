"""`expunge purge`: one run of the purge function, in this process; its brakes and what its runs did."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from itertools import islice
from typing import Any, Final

import click
from click.core import ParameterSource

from cli.contents import content_bucket_option
from cli.dynamodb import client as connect
from cli.dynamodb import soon, store_options
from cli.environment import environment
from cli.failure import explain
from cli.hold import by_option
from cli.listing import Columns, Format, format_option, number, print_rows
from cli.progress import bar, stoppable, watched
from cli.sandbox import Context
from cli.template import functions
from expunge import timestamps
from expunge.deletions import brakes
from expunge.errors import ExpungeError, InvalidRequest, PurgeUnderWay
from expunge.table.store import Store
from expunge.table.store import store as table_of_functions

FUNCTION: Final = "PurgeFunction"

_LONG: Final = 86_400
"""Seconds for a dry run: it changes nothing, so it may take long."""


COLUMNS: Final[Columns] = {
    "started (UTC)": "started_at",
    "ended (UTC)": "ended_at",
    "purged": "purged",
    "in doubt": "in_doubt",
    "content left": "content_left",
    "resumed": "resumed",
    "held": "held",
    "remaining": "remaining",
    "stopped": "stopped",
}
"""Heading to field of a table of runs."""


def _check_time(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    if text is not None:
        try:
            timestamps.parse(text)
        except ValueError as error:
            raise click.BadParameter(f"{text!r} is no RFC 3339 time such as 2026-04-05T14:23:11Z.") from error
    return text


@click.group(invoke_without_command=True)
@click.option(
    "--now",
    metavar="TIME",
    callback=_check_time,
    help="Purge what is due at this time, RFC 3339 with an offset; without it, what is due by now.",
)
@click.option("--force", is_flag=True, help="Take a --now that is more than 5 minutes ahead of the clock.")
@click.option("--dry-run", is_flag=True, help="Change nothing; print what is due, by family and account.")
@click.option(
    "--retention-days",
    metavar="DAYS",
    type=click.IntRange(0, 3650),
    show_default="the default in template.yaml",
    help="Keep what was deleted less than so many days ago, even if it is due by its own date; that date is "
    "then put off for good. For a stack, give its RetentionDays.",
)
@click.option(
    "--tombstone-days",
    metavar="DAYS",
    type=click.IntRange(1, 3650),
    show_default="the default in template.yaml",
    help="For so many days the id of a purged message is remembered, and the message cannot come back.",
)
@content_bucket_option
@store_options
@click.pass_context
def purge(  # noqa: PLR0913 - click passes them by name
    ctx: click.Context,
    *,
    now: str | None,
    force: bool,
    dry_run: bool,
    retention_days: int | None,
    tombstone_days: int | None,
    content_bucket: str,
    dynamodb_url: str,
    table: str,
) -> None:
    """Go on with background deletions, then remove for good what is due, as the scheduled function does.

    Prints how many messages were purged and how many background deletions resumed. A run takes as long as the
    function may in AWS. If that was too short, "remaining" is true, and the same command continues. It is
    true as well if another run is at work: this one then leaves the work to it. "held" counts what is due but
    kept by holds, "content_left" what is still there because its content in S3 is.
    """
    if ctx.invoked_subcommand is not None:
        _hand_on(ctx, ctx.invoked_subcommand, {"dynamodb_url": dynamodb_url, "table": table})
        return
    event: dict[str, Any] = {"force": force} if now is None else {"time": now, "force": force}
    if dry_run:
        event["dry_run"] = True
    settings = {"TABLE_NAME": table, "CONTENT_BUCKET": content_bucket}
    for name, days in (("RETENTION_DAYS", retention_days), ("TOMBSTONE_DAYS", tombstone_days)):
        if days is not None:
            settings[name] = str(days)
    told = _invoke(event, settings, dynamodb_url)
    click.echo(json.dumps(told))
    if told.get("content_left"):
        click.echo(f"expunge: {_what_stays(told['content_left'], content_bucket)}", err=True)
    if told.get("paused"):
        click.echo(f"expunge: {_who_paused(dynamodb_url, table)}", err=True)


def _who_paused(dynamodb_url: str, table: str) -> str:
    """Say why nothing more is purged, however often the command is repeated."""
    pause = brakes.read(Store(connect(dynamodb_url), table), soon()).told()
    by = f" by {pause['by']} at {pause['since']}" if pause["paused"] else ""
    return f"the purge was paused{by}; `expunge purge resume` ends that."


def _what_stays(count: int, content_bucket: str) -> str:
    """Say of messages whose content is in S3 why they are still there."""
    them = f"{number(count, 'message')} not removed, whose content is in S3"
    if not content_bucket:
        return f"{them}: name its bucket with --content-bucket."
    return f"{them}: it is in another bucket than {content_bucket}, or S3 did not remove it."


def _hand_on(ctx: click.Context, command: str, store: Mapping[str, str]) -> None:
    """Let the options that name the table stand before the subcommand as well, but no others."""
    for name in ctx.params.keys() - store.keys():
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} is for a run, not for `purge {command}`.")
    ctx.default_map = {command: dict(store)}


@purge.command()
@by_option
@store_options
def pause(by: str, dynamodb_url: str, table: str) -> None:
    """Have runs remove nothing until `resume`.

    One that is at work stops within 1,000 messages.
    """
    _brake(dynamodb_url, table, paused=True, by=by)


@purge.command()
@by_option
@store_options
def resume(by: str, dynamodb_url: str, table: str) -> None:
    """End a pause: the next run removes what is due."""
    _brake(dynamodb_url, table, paused=False, by=by)


def _brake(dynamodb_url: str, table: str, *, paused: bool, by: str) -> None:
    store = Store(connect(dynamodb_url), table)
    click.echo(json.dumps(brakes.write(store, paused=paused, by=by, deadline=soon()).told()))


@purge.command()
@store_options
def status(dynamodb_url: str, table: str) -> None:
    """Print whether the purge is paused, since when and by whom."""
    click.echo(json.dumps(brakes.read(Store(connect(dynamodb_url), table), soon()).told()))


@purge.command()
@click.option(
    "--limit", metavar="N", type=click.IntRange(1), default=100, show_default=True, help="At most so many."
)
@format_option
@store_options
def history(limit: int, form: Format, dynamodb_url: str, table: str) -> None:
    """List the runs, newest first.

    One without "ended_at" is at work, or was ended from outside.
    """
    from expunge.deletions import runs  # noqa: PLC0415 - it logs, and a run of the purge sets the level first

    newest = islice(runs.newest(Store(connect(dynamodb_url), table), soon()), limit)
    print_rows(newest, COLUMNS, form, noun="run")


def _invoke(event: dict[str, Any], settings: Mapping[str, str], dynamodb_url: str) -> Any:
    function = next(function for function in functions() if function.name == FUNCTION)
    region = connect(dynamodb_url).meta.region_name
    variables = {
        **environment(function, dynamodb_url, region, verbose=False),
        **settings,
        "POWERTOOLS_LOG_LEVEL": "CRITICAL",  # what goes wrong is said in a sentence
    }
    timeout = _LONG if event.get("dry_run") else function.timeout
    context = Context(function.name, str(function.memory), timeout, "purge")
    sys.path.insert(0, str(function.code))
    with _environment(variables), redirect_stdout(sys.stderr):
        from purge import LEFT_TO_ANOTHER_RUN, run  # noqa: PLC0415 - it reads the environment

        try:
            with stoppable("what is purged stays so, and the same command goes on"), _watched(event):
                return run(event, context)
        except PurgeUnderWay as other:
            click.echo(f"expunge: {other}", err=True)
            return LEFT_TO_ANOTHER_RUN
        except InvalidRequest as error:
            sentence = (
                f"{event['time']} is more than 5 minutes ahead of the clock; --force takes it all the same."
            )
            raise click.BadParameter(sentence, param_hint="'--now'") from error
        except ExpungeError as error:
            raise click.ClickException(_sentence(error)) from error


@contextmanager
def _watched(event: Mapping[str, Any]) -> Iterator[None]:
    """Show a person how many messages are being removed: the writes that go to the store are counted."""
    what = "counting" if event.get("dry_run") else "purging"
    with bar(what, None, shown=watched(), unit="messages") as advance:

        def count(params: dict[str, Any], **_: Any) -> None:
            updates = (write.get("Update", {}) for write in params["TransactItems"])
            advance(sum("SET purged_at" in update.get("UpdateExpression", "") for update in updates))

        events = table_of_functions().client.meta.events
        events.register("provide-client-params.dynamodb.TransactWriteItems", count)
        yield


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(variables)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _sentence(error: BaseException) -> str:
    """Say what is wrong with DynamoDB, if that is the cause; else what the function says."""
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    return (explain(root) if isinstance(root, Exception) else None) or str(error)
