"""What the console reads from the table, and the one thing that it changes there: what it restores."""

import json
import logging
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import click

from cli.console import deletions, messages
from cli.console.answers import refused, told
from cli.console.messages import BadQuestion
from cli.dynamodb import soon
from cli.events import Request, Response
from cli.failure import explain
from expunge.deletions import brakes, holding, runs
from expunge.table.store import Store

Route = Callable[[Store, Request], Any]

_DELETIONS: Final = "/console/deletions"
_RESTORE: Final = "/restore"
_RUNS: Final = 50
"""Runs of the purge that are shown."""

log = logging.getLogger(__name__)


def answer(store: Store, request: Request) -> Response:
    """Answer a request under /console/."""
    route = _route(request)
    if route is None:
        return refused(404, "There is nothing under this path.")
    try:
        return told(route(store, request))
    except BadQuestion as error:
        return refused(400, f"{error}.")
    except click.ClickException as error:
        return refused(409, f"{error.format_message()}.")
    except Exception as error:
        sentence = explain(error)
        if sentence is None:
            log.exception("%s %s could not be answered", request.method, request.path)
            return refused(500, "An internal error occurred; the log says which.")
        return refused(502, f"{sentence}.")


def _route(request: Request) -> Route | None:
    if request.method == "POST":
        ours = request.path.startswith(f"{_DELETIONS}/") and request.path.endswith(_RESTORE)
        return _restore if ours else None
    if request.path.startswith(f"{_DELETIONS}/"):
        return lambda store, request: deletions.one(store, _id(request.path))
    return _READS.get(request.path)


_READS: Final[dict[str, Route]] = {
    "/console/overview": lambda store, _: messages.overview(store),
    "/console/messages": lambda store, request: messages.listed(store, _query(request)),
    "/console/message": lambda store, request: messages.one(store, _query(request).get("key", "")),
    _DELETIONS: lambda store, _: deletions.listed(store),
    "/console/holds": lambda store, _: {
        "holds": [each.told() for each in holding.listed(store, soon(), released=True)]
    },
    "/console/purge": lambda store, _: {
        "status": brakes.read(store, soon()).told(),
        "runs": list(islice(runs.newest(store, soon()), _RUNS)),
    },
}


def _restore(store: Store, request: Request) -> Any:
    return deletions.restore(store, _id(request.path.removesuffix(_RESTORE)), _ids(request))


def _query(request: Request) -> dict[str, str]:
    """The parameters of the query; a blank one counts as not given."""
    return dict(parse_qsl(request.query))


def _id(path: str) -> str:
    return unquote(path.removeprefix(f"{_DELETIONS}/"))


def _ids(request: Request) -> Sequence[str]:
    """Read which messages to restore; an empty list stands for all. Raises BadQuestion."""
    # A form on another site's page cannot send this type.
    if dict(request.headers).get("content-type") != "application/json":
        raise BadQuestion("content-type must be application/json")
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise BadQuestion("the body must be JSON") from error
    if not isinstance(body, dict):
        raise BadQuestion("the body must be a JSON object")
    ids = body.get("message_ids", [])
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise BadQuestion("message_ids must be a list of ids")
    if "message_ids" in body and not ids:
        raise BadQuestion("message_ids must name a message; leave it out to restore all")
    return ids
