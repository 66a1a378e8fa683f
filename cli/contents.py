"""The S3 bucket of contents that are not in the table: the option that names it, and one on this machine."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

import click

from cli.dynamodb import connection

Command = TypeVar("Command", bound=Callable[..., Any])

_BUCKET: Final = re.compile(r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?")


def _check(_context: click.Context, _option: click.Parameter, name: str) -> str:
    if _BUCKET.fullmatch(name) is None:
        raise click.BadParameter(
            f"{name!r} is no name of a bucket: 3 to 63 small letters, digits, dots and hyphens."
        )
    return name


def content_bucket_option(command: Command) -> Command:
    """Add ``--content-bucket`` to a click command; the environment may name it as CONTENT_BUCKET."""
    return click.option(
        "--content-bucket",
        metavar="NAME",
        envvar="CONTENT_BUCKET",
        default="",
        callback=_check,
        help="The S3 bucket that a record's content_url may name, and from which contents are deleted; "
        "without it, no record may have a content_url, and no content in S3 is deleted.",
    )(command)


def create_bucket(url: str, name: str) -> None:
    """Make the bucket in the embedded S3."""
    s3: Any = connection(url, "s3")
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=name)
