"""`expunge console`: the console of `expunge serve`, for a stack that is deployed."""

import asyncio

import click

from cli import log, server
from cli.console.application import About, Console
from cli.console.proxy import Proxy, check_url
from cli.dynamodb import check_url as check_dynamodb_url
from cli.dynamodb import client
from cli.template import default_table_name
from expunge.table.store import Store


@click.command()
@click.option("--api", metavar="URL", required=True, callback=check_url, help="The stack's output ApiUrl.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=3100,
    show_default=True,
    help="Port of the console; 0: any.",
)
@click.option(
    "--dynamodb-url",
    metavar="URL",
    callback=check_dynamodb_url,
    help='Where its table is; "aws" is AWS itself, with your own credentials and region. Without it, what '
    "must be read from the table is not shown.",
)
@click.option(
    "--table",
    metavar="NAME",
    default=default_table_name,
    show_default="the name in template.yaml",
    help="The table that holds the records.",
)
def console(*, api: str, port: int, dynamodb_url: str | None, table: str) -> None:
    """Show the console for a deployed stack, in a browser on this machine.

    The API key is typed into the page. It stays in the browser's memory, is sent to the API alone, by way of
    this command, and is neither stored nor logged. Events of a deployed stack go to its event bus, and are
    not shown.

    \b
    Examples:
      expunge console --api https://abc123.execute-api.eu-west-1.amazonaws.com
      expunge console --api https://abc123.execute-api.eu-west-1.amazonaws.com --dynamodb-url aws
    """  # noqa: D301 - \b is click's: it keeps the lines of the examples
    log.tell_requests()
    store = None if dynamodb_url is None else Store(client(dynamodb_url), table)
    with server.listen(port, "--port") as listener:
        click.echo(f"expunge console on http://{server.LOOPBACK}:{listener.getsockname()[1]}")
        pages = Console(Proxy(api), About(api=api, deployed=True), store)
        asyncio.run(server.serve(pages, [listener], {}))
