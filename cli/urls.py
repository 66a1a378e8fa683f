"""Addresses that commands are given."""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

import click

_WITH_USER: Final = re.compile(r"[^/]*//[^/?#]*@")


def parts_of(url: str) -> SplitResult | None:
    """Take an http or https URL apart; None if it is none.

    Raises click.BadParameter, which does not repeat it, for one with a user or a password.
    """
    if _WITH_USER.match(url):
        raise click.BadParameter("The URL holds a user or a password, which would be shown: leave them out.")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - which is looked at now or never
    except ValueError:
        return None
    return parts if url.startswith(("http://", "https://")) and parts.hostname else None
