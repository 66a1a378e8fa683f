"""The gateway and what runs beside it: events come out of the stream, records come in, the schedule runs."""

import asyncio
import logging
import socket
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from cli import records, server
from cli.broadcast import Broadcast
from cli.dynamodb import AWS, connection
from cli.events import Response
from cli.failure import explain
from cli.gateway import Gateway, Message, Receive, Send, write_response
from cli.invoke import Invoker
from cli.loopback import Answer, Loopback
from cli.records import RecordsIn
from cli.schedule import every
from cli.stand_in import StandIn
from cli.stream import Bringer, Shards, stream_arn
from cli.template import Cors, stream_mapping

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

log = logging.getLogger(__name__)

NO_EVENTS: Final = "the table's stream cannot be read, so that GET /events has nothing to tell"

_PAUSE: Final = 0.2
_PAUSE_AT_AWS: Final = 1.0
"""Seconds between two reads of a stream; AWS takes five a second, its own functions' among them."""


def shards_of(store: "DynamoDBClient", dynamodb_url: str, table: str) -> Shards | None:
    """The table's stream from now on. If there is none that can be read, log why and return None."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow to import

    why = "the table has none; delete it, or switch its stream on (NEW_AND_OLD_IMAGES)"
    try:
        arn = stream_arn(store, table)
        if arn is not None:
            return Shards(connection(dynamodb_url, "dynamodbstreams"), arn)
    except (BotoCoreError, ClientError) as error:
        why = explain(error) or type(error).__name__
    log.warning("%s: %s", NO_EVENTS, why)
    return None


class Service:
    """The gateway, the routes that are for this machine only, and what is always at work."""

    def __init__(
        self, invokers: Mapping[str, Invoker], browsers: Cors, shards: Shards | None, dynamodb_url: str
    ) -> None:
        self._invokers = invokers
        self._gateway = Gateway(invokers, browsers)
        self._events = Broadcast()
        self._shards = shards
        self._pause = _PAUSE_AT_AWS if dynamodb_url == AWS else _PAUSE
        routes: dict[tuple[str, str], Answer] = {
            ("GET", "/events"): _no_events if shards is None else self._events.answer
        }
        if records.FUNCTION in invokers:
            routes["POST", "/records"] = RecordsIn(invokers[records.FUNCTION].invoke).answer
        self.application: server.Application = Loopback(routes, StandIn(self._gateway, self._events.put))

    async def run(
        self,
        listeners: Sequence[socket.socket],
        parts: Mapping[str, server.Part],
        purge_every: int | None = None,
    ) -> None:
        """Serve until a signal comes. `purge_every`, in seconds, replaces the template's schedule."""
        always = [asyncio.create_task(work) for work in self._always(purge_every)]
        for task in always:
            task.add_done_callback(_ended)
        try:
            await server.serve(self.application, listeners, parts, self._events.close)
        finally:
            for task in always:
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task
            await self._gateway.close()

    def _always(self, purge_every: int | None) -> Iterator[Coroutine[Any, Any, None]]:
        mapping = stream_mapping()
        if self._shards is not None and mapping is not None:
            invoke = self._invokers[mapping.function].invoke
            yield Bringer(self._shards, mapping, invoke, self._pause).run()
        for invoker in self._invokers.values():
            if invoker.function.every is not None:
                yield every(purge_every or invoker.function.every, invoker)


def _ended(task: asyncio.Task[None]) -> None:
    """Log the error that has ended something which should always be at work."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("Work in the background ended", exc_info=error)


async def _no_events(_scope: Message, _receive: Receive, send: Send) -> None:
    await write_response(send, Response.message(HTTPStatus.SERVICE_UNAVAILABLE, f"{NO_EVENTS}."))
