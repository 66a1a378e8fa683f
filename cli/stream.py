"""The table's stream, brought to a function as Lambda brings it."""

import asyncio
import base64
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cli.invoke import EventTooLargeError, InvocationError
from cli.patterns import admitted
from cli.template import StreamMapping

log = logging.getLogger(__name__)

ATTEMPTS: Final = 50
"""How often the function is invoked with a record that is alone in its batch, before it is passed over."""

_LOOK_FOR_SHARDS: Final = 30
"""Seconds between two looks for new shards, which AWS adds as a table grows."""

_LOST: Final = ("ExpiredIteratorException", "TrimmedDataAccessException")

Record = Mapping[str, Any]
Invoke = Callable[[Any], Awaitable[Any]]


def stream_arn(client: Any, table: str) -> str | None:
    """Give the table's stream; None if it has none."""
    found = client.describe_table(TableName=table)["Table"]
    enabled = found.get("StreamSpecification", {}).get("StreamEnabled")
    return str(found["LatestStreamArn"]) if enabled else None


class Shards:
    """Everything that is written to a stream from the moment that this is made.

    What is written to one item comes in its order: a shard is read after the one that it continues.
    """

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn
        self._open: dict[str, _Shard] = {}
        self._done: set[str] = set()
        for shard in self._described():
            if "EndingSequenceNumber" in shard.get("SequenceNumberRange", {}):
                self._done.add(shard["ShardId"])
            else:
                self._begin(shard["ShardId"], "LATEST")
        self._looked_at = time.monotonic()

    def read(self) -> list[Record]:
        """Give what is there now, in Lambda's form, up to a page of each shard."""
        records: list[Record] = []
        for name, shard in list(self._open.items()):
            records += self._page(name, shard)
        if time.monotonic() - self._looked_at > _LOOK_FOR_SHARDS:
            self._look()
        return records

    def _page(self, name: str, shard: "_Shard") -> list[Record]:
        try:
            page = self._client.get_records(ShardIterator=shard.iterator, Limit=1000)
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in _LOST:
                raise
            log.warning("The stream was not read for a long time; events may be missing")
            self._begin(name, "LATEST")
            return []
        if page.get("NextShardIterator"):
            shard.iterator = page["NextShardIterator"]
        else:
            del self._open[name]
            self._done.add(name)
            self._look()
        return [lambda_form(record) for record in page["Records"]]

    def _look(self) -> None:
        """Begin with shards that are new, if what they continue is read."""
        for shard in self._described():
            name, parent = shard["ShardId"], shard.get("ParentShardId")
            if name not in self._open and name not in self._done and parent not in self._open:
                self._begin(name, "TRIM_HORIZON")
        self._looked_at = time.monotonic()

    def _described(self) -> list[dict[str, Any]]:
        shards: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            found = self._client.describe_stream(StreamArn=self._arn, **more)["StreamDescription"]
            shards += found["Shards"]
            if not found.get("LastEvaluatedShardId"):
                return shards
            more = {"ExclusiveStartShardId": found["LastEvaluatedShardId"]}

    def _begin(self, name: str, where: str) -> None:
        iterator = self._client.get_shard_iterator(
            StreamArn=self._arn, ShardId=name, ShardIteratorType=where
        )["ShardIterator"]
        self._open[name] = _Shard(iterator)


@dataclass
class _Shard:
    iterator: str


@dataclass
class Bringer:
    """Brings a stream's records to a function: those that the patterns let through, in batches, in order.

    A batch goes when it is full, when its window is over or, sooner than in AWS, when nothing more comes.
    What the function did not do is brought again.
    """

    shards: Shards
    mapping: StreamMapping
    invoke: Invoke
    pause: float
    """Seconds between two reads where nothing comes."""
    _waiting: list[Record] = field(default_factory=list)
    _most: int = 0
    _failures: int = 0
    _unread: bool = False

    async def run(self) -> None:
        """Go on for ever."""
        since = time.monotonic()
        while True:
            came = await self._read()
            if not self._waiting:
                since = time.monotonic()
            self._waiting += [record for record in came if admitted(record, self.mapping.patterns)]
            if self._waiting and (not came or time.monotonic() - since >= self.mapping.window):
                await self._bring()
            if not came:
                await asyncio.sleep(self.pause)

    async def _read(self) -> Sequence[Record]:
        """Read what has come, unless a whole batch is waiting already."""
        if len(self._waiting) >= self.mapping.batch_size:
            return ()
        try:
            came = await asyncio.to_thread(self.shards.read)
        except Exception as error:  # the engine may answer again soon; if it has ended, so will all
            if not self._unread:
                log.warning(
                    "The table's stream cannot be read (%s), so no events are told; it is tried again",
                    type(error).__name__,
                )
            self._unread = True
            return ()
        self._unread = False
        return came

    async def _bring(self) -> None:
        """Invoke the function once, and keep what it did not do."""
        batch = self._waiting[: self._most or self.mapping.batch_size]
        try:
            answer = await self.invoke({"Records": batch})
            done = _done(batch, answer)
        except (InvocationError, EventTooLargeError) as error:
            self._failed(len(batch), error)
            return
        self._waiting = self._waiting[done:]
        if done:
            self._most = self._failures = 0

    def _failed(self, size: int, error: Exception) -> None:
        """Halve the batch the next time, so that a record on which the function fails is alone at last."""
        self._most = max(1, size // 2)
        self._failures += size == 1
        if self._failures >= ATTEMPTS:
            log.warning("A record of the stream was passed over after %d attempts: %s", ATTEMPTS, error)
            self._waiting.pop(0)
            self._most = self._failures = 0


def _done(batch: Sequence[Record], answer: Any) -> int:
    """How many records the function is done with, from the first on."""
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
    failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
    return next((at for at, number in enumerate(numbers) if number in failed), len(batch))


def lambda_form(value: Any) -> Any:
    """Turn what the SDK read of a stream into what Lambda makes of it: JSON has neither times nor bytes."""
    match value:
        case dict():
            return {name: lambda_form(each) for name, each in value.items()}
        case list():
            return [lambda_form(each) for each in value]
        case datetime():
            return value.timestamp()
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return value
