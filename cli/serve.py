"""`expunge serve`: the whole service on one machine."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import demo, log, server, stand_in
from cli.console.application import About, Console
from cli.contents import content_bucket_option, create_bucket
from cli.dynamodb import check_url, client, create_table, let_expire
from cli.embedded import Embedded
from cli.environment import environment
from cli.invoke import Invoker, Nursery, starting_at_once
from cli.service import Service, shards_of
from cli.template import Function, cors, default_table_name, functions
from expunge.table.store import Store

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=3000, show_default=True, help="Port of the API; 0: any."
)
@click.option(
    "--dynamodb-port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port of the embedded DynamoDB; 0: any.",
)
@click.option(
    "--host",
    metavar="ADDRESS",
    help=f"Listen on this address of the machine too, beside {server.LOOPBACK}: Docker's on Linux, such as "
    "172.17.0.1, lets containers of `sam local` in.",
)
@click.option(
    "--dynamodb-url",
    metavar="URL",
    callback=check_url,
    help="Use this DynamoDB instead of the embedded one and create the table there if need be; "
    '"aws" is AWS itself, with your own credentials and region.',
)
@click.option(
    "--provider-url",
    metavar="URL",
    callback=stand_in.check_url,
    help="Ask this upstream to delete messages of linked accounts, of all providers, with the key "
    f'"{stand_in.KEY}"; without it a stand-in says yes to everything.',
)
@click.option(
    "--load",
    "files",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="Load these records at start, as `expunge load` does; may be repeated.",
)
@click.option(
    "--retention-days",
    metavar="DAYS",
    type=click.IntRange(0, 3650),
    show_default="the default in template.yaml",
    help="Days until what is deleted is purged.",
)
@click.option(
    "--purge-every",
    metavar="SECONDS",
    type=click.IntRange(1),
    show_default="the schedule in template.yaml",
    help="Purge so often.",
)
@content_bucket_option
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the records in this folder, and begin with those that are there; without it they are gone "
    "when the service stops.",
)
@click.option("--no-demo", is_flag=True, help="Start without the demo records.")
@click.option("--verbose", is_flag=True, help="Show all that the functions log, not only warnings.")
def serve(  # noqa: PLR0913 - an argument an option
    *,
    port: int,
    dynamodb_port: int,
    host: str | None,
    dynamodb_url: str | None,
    provider_url: str | None,
    files: Sequence[Path],
    retention_days: int | None,
    purge_every: int | None,
    content_bucket: str,
    data: Path | None,
    no_demo: bool,
    verbose: bool,
) -> None:
    """Run the API on this machine, with demo records to try it on.

    It listens on 127.0.0.1 and keeps its records in an embedded DynamoDB, in memory: they are gone when
    it stops, unless --data names a folder for them. Stop it with Ctrl-C.

    \b
    Examples:
      expunge serve
      expunge serve --data my-records
      expunge serve --no-demo --load my-records.jsonl
      expunge serve --port 3001 --dynamodb-url http://127.0.0.1:8042
    """  # noqa: D301 - \b is click's: it keeps the lines of the examples
    log.tell_requests()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_at_once)
    with ExitStack() as stack:
        listeners = [stack.enter_context(each) for each in _listeners(host, port, "--port")]
        parts: dict[str, server.Part] = {}
        embedded = dynamodb_url is None
        if dynamodb_url is None:
            engine = Embedded(*_listeners(host, dynamodb_port, "--dynamodb-port"), data=data)
            parts["the embedded DynamoDB"] = stack.enter_context(engine)
            dynamodb_url = engine.url
        elif data is not None:
            raise click.UsageError(
                "--data is for the embedded DynamoDB; the one at --dynamodb-url keeps its records where it"
                " was told to (DynamoDB Local by its -dbPath)."
            )
        parts["the nursery of sandboxes"] = nursery = stack.enter_context(closing(Nursery()))
        store = client(dynamodb_url)
        with_bucket = embedded and content_bucket and not os.environ.get("AWS_ENDPOINT_URL_S3")
        if with_bucket:
            create_bucket(dynamodb_url, content_bucket)
        created = create_table(store, default_table_name())
        if created or embedded:  # a table that was kept may be of a version that let nothing expire
            let_expire(store, default_table_name())
        if created and embedded and not no_demo:
            files = [*files, demo.RECORDS]  # only once, where the records are kept
        _fill(store, files, content_bucket)
        shards = shards_of(store, dynamodb_url, default_table_name())
        nursery.wait()
        url = f"http://{server.LOOPBACK}:{listeners[0].getsockname()[1]}"
        with_demo = demo.RECORDS in [file.resolve() for file in files]
        if with_demo:
            click.echo(demo.greeting(url, dynamodb_url))
        elif embedded:
            click.echo(demo.dynamodb_line(dynamodb_url))
        if with_bucket:
            click.echo(f"S3 listens on {dynamodb_url} too, with the bucket {content_bucket}.")
        click.echo(f"expunge listening on {url}")
        chosen = {"CONTENT_BUCKET": content_bucket}
        chosen |= {} if retention_days is None else {"RETENTION_DAYS": str(retention_days)}
        starts = starting_at_once()
        invokers = {
            function.name: Invoker(
                nursery, function, own | chosen | stand_in.environment(url, provider_url, own), starts=starts
            )
            for function, own in _environments(dynamodb_url, store.meta.region_name, verbose=verbose)
        }
        service = Service(invokers, cors(), shards, dynamodb_url)
        about = About(api=url, demo=with_demo)
        service.application = Console(service.application, about, Store(store, default_table_name()))
        asyncio.run(service.run(listeners, parts, purge_every))


def _end_at_once(_number: int, _frame: object) -> None:
    """End the process while it starts. Once it serves, signals stop it in good order (`server.py`).

    A KeyboardInterrupt would be lost if it came inside a callback of the import system or of the garbage
    collector. The other processes end when their connection to this one does.
    """
    os._exit(0)


def _listeners(host: str | None, port: int, option: str) -> list[socket.socket]:
    listeners = [server.listen(port, option)]
    if host is not None:
        listeners.append(server.listen(listeners[0].getsockname()[1], option, host))
    return listeners


def _fill(store: "DynamoDBClient", files: Sequence[Path], content_bucket: str) -> None:
    if files:
        from cli.load import load_files, remark  # noqa: PLC0415 - slow to import, and often not needed

        remark(load_files(store, default_table_name(), files, content_bucket=content_bucket))


def _environments(
    dynamodb_url: str, region: str, *, verbose: bool
) -> Iterator[tuple[Function, dict[str, str]]]:
    for function in functions():
        yield function, environment(function, dynamodb_url, region, verbose=verbose)
