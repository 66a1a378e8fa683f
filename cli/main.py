"""The `expunge` command."""

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

import click

from cli import log
from cli.failure import explain, of_the_system
from cli.progress import Stopped

COMMANDS: Final = {
    "serve": ("cli.serve:serve", "Run the API on this machine, with demo records to try it on."),
    "console": ("cli.console.command:console", "Show the console for a stack that is deployed."),
    "load": ("cli.load:load", "Bulk-load records from JSON-lines files."),
    "dump": ("cli.dump:dump", "Print messages, deleted ones too."),
    "deletions": ("cli.deletions:deletions", "List deletions, or show what became of one."),
    "restore": ("cli.restore:restore", "Make live again what a request deleted."),
    "purge": ("cli.purge:purge", "Remove for good what is due, as the scheduled function does."),
    "hold": ("cli.hold:hold", "Keep messages from being removed: place, list and release holds."),
    "check": ("cli.check:check", "Look through the table for what should not be there, and mend it."),
    "key": ("cli.key:key", "Make, list and revoke API keys."),
    "token": ("cli.token:token", "Issue a token that permits deleting from the history of channels."),
}
"""A command's name to where it is and what it does. It is imported only when it is called, because some take
a second to import."""


class Commands(click.Group):
    """Commands that are imported when they are called, not to list them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name all commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        # While modules are imported a KeyboardInterrupt can get lost in one of the import system's callbacks.
        interrupt = signal.signal(signal.SIGINT, signal.SIG_DFL)
        command: click.Command = getattr(importlib.import_module(module), attribute)
        signal.signal(signal.SIGINT, interrupt)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; one that is not there may be a misspelling of one that is."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=COMMANDS, ctx=ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.version_option(package_name="expunge", message="%(prog)s %(version)s")
@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def commands() -> None:
    """Delete messages softly first, for good later: expunge on one machine.

    \b
    Examples:
      expunge serve               start the API on http://127.0.0.1:3000, with demo records
      expunge dump --state all    in another terminal: what has been deleted, what not
      expunge serve --help        what else serve can do
    """  # noqa: D301 - \b is click's: it keeps the lines of the examples


def main() -> None:
    """Run the command that the arguments name; the console entry point."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command and return the exit status: 0 done, 1 failed, 2 used wrongly."""
    log.begin()
    try:
        status = commands.main(arguments, prog_name="expunge", standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        click.echo("expunge: stopped", err=True)
        return Stopped.exit_code
    except BrokenPipeError:
        _drop_output()
        return 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except Exception as error:
        failure = _failure(error)
        if failure is None:
            return _fault(error)
        sentence, status = failure
        click.echo(f"expunge: {sentence}", err=True)
    return status if isinstance(status, int) else 0


def _failure(error: Exception) -> tuple[str, int] | None:
    """Return what to say about an error and the exit status; None if nothing was to be expected of it."""
    match error:
        case click.MissingParameter() | click.NoSuchOption() | click.exceptions.NoSuchCommand():
            return _with_help(error), error.exit_code
        case click.UsageError() if error.message.startswith("Got unexpected extra argument"):
            return _with_help(error), error.exit_code
        case click.ClickException():
            return error.format_message(), error.exit_code
        case OSError():
            return of_the_system(error), 1
    sentence = explain(error)
    return None if sentence is None else (sentence, 1)


def _fault(error: Exception) -> int:
    """Say where a fault of our own is, without the words of an error that may quote what is stored."""
    from expunge.tracebacks import traceback_of  # noqa: PLC0415 - slow to import, and seldom needed

    click.echo(traceback_of(error), err=True)
    click.echo("expunge: this was not foreseen; the lines above say where it failed", err=True)
    return 1


def _with_help(error: click.UsageError) -> str:
    """What is wrong with the arguments, and where to read what they may be."""
    path = error.ctx.command_path if error.ctx else "expunge"
    sentence = error.format_message()
    end = "" if sentence.endswith((".", "?", "?)")) else "."
    return f"{sentence}{end} See `{path} --help`."


def _drop_output() -> None:
    """Throw away what is still buffered: whoever read the output (`head`, say) has closed it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
