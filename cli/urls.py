"""Addresses that commands are given."""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

import click

_USER: Final = re.compile(r"(?<=//).*@", re.DOTALL)


def parts_of(url: str) -> SplitResult | None:
    """Take an http or https URL apart; None if it is none.

    Raises click.BadParameter, which does not repeat it, for one with an @ in it: in front of that there may
    be a user or a password, also in an address that is misspelt.
    """
    if "@" in url:
        raise click.BadParameter(
            "An address with an @ in it holds a user or a password, which would be shown: leave them out."
        )
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - which is looked at now or never
    except ValueError:
        return None
    return parts if url.lower().startswith(("http://", "https://")) and parts.hostname else None


def shown(url: str) -> str:
    """Write an address that the environment may have named: without a user or a password."""
    return _USER.sub("", url).rstrip("/")
