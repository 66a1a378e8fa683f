"""What one function cannot finish in its time is spread over several by a queue.

A task is a part of the bin or a sweep, as a whole or in part. A worker does a slice of it and sends it again
if something is left. The table stays the truth: a task says only where to look. So a task that comes twice
does no harm, and one that is lost is not missed for long: every scheduled run, while work is spread, begins
a new round with tasks for all that is left, and tasks of earlier rounds are dropped when they come.
"""

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, Literal, NamedTuple

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.errors import Unavailable
from expunge.settings import work_concurrency, work_queue
from expunge.table import keys
from expunge.table.retries import repeat
from expunge.table.session import session
from expunge.table.store import CLIENT_CONFIG, Store

SLICE: Final = 30.0
"""Seconds that a worker spends on a task before others have their turn."""

_SENT_AT_ONCE: Final = 10
"""Messages that SQS takes in a call."""

_LONGEST: Final = 4096
"""Characters of a task; a sub key has at most 128."""


class MalformedTask(Exception):
    """What came by the queue is no task."""


@dataclass(frozen=True, slots=True)
class Task:
    """Shards of the bin, whose `until` is when what may go is due, or a sweep with the key of its note.

    It is part `part` of so many as `of` says: every such shard from that one on. A sweep as a whole is part 0
    of 1.
    """

    work: Literal["bin", "sweep"]
    round: str
    part: int
    of: int
    until: str = ""
    pk: str = ""
    sk: str = ""

    def body(self) -> str:
        """Write it for the queue."""
        given = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps({name: value for name, value in given.items() if value != ""})

    @property
    def shards(self) -> range:
        """Numbers of the shards of the bin, or of the parts of the channels, that it is about."""
        most = keys.BIN_SHARDS if self.work == "bin" else keys.CHANNEL_SHARDS
        return range(self.part, most, self.of)

    @classmethod
    def of_body(cls, body: Any) -> "Task":
        """Read it. Raises MalformedTask."""
        try:
            if len(body) > _LONGEST:
                raise MalformedTask("it is too long")
            task = cls(**json.loads(body))
            task._check()
        except (TypeError, ValueError, AttributeError, RecursionError):
            raise MalformedTask("it is no task that this service sends") from None
        return task

    def _check(self) -> None:
        texts = (self.work, self.round, self.until, self.pk, self.sk)
        fits = all(isinstance(text, str) for text in texts) and bool(self.round)
        fits &= {type(self.part), type(self.of)} == {int} and self.part in range(self.of)
        if self.work == "bin":
            fits &= self.of <= keys.BIN_SHARDS and not self.pk and not self.sk
            timestamps.parse(self.until)
        else:
            fits &= self.work == "sweep" and self.of <= keys.CHANNEL_SHARDS
            fits &= self.pk.startswith(keys.sweeps("")) and bool(self.sk) and not self.until
        if not fits:
            raise MalformedTask("it is no task that this service sends")


class Asker(NamedTuple):
    """The run on whose behalf workers work: by the sort key of its record.

    `may_remove` is how many messages they may remove together, any number if it is None.
    """

    run: str = ""
    may_remove: int | None = None


class Round(NamedTuple):
    """The round in which work is spread, since when, and for which run; empty if none is."""

    id: str = ""
    began_at: str = ""
    asker: Asker = Asker()


def current(store: Store, deadline: Deadline) -> Round:
    """Read which round it is. Raises StoreError."""
    for item in store.get_batch(
        [(keys.LEASE, keys.WORK)], deadline, "round_id, began_at, run_id, may_remove"
    ):
        if "round_id" in item:
            run = item.get("run_id", {"S": ""})["S"]
            may_remove = int(item["may_remove"]["N"]) if "may_remove" in item else None
            return Round(item["round_id"]["S"], item["began_at"]["S"], Asker(run, may_remove))
    return Round()


def begin(store: Store, deadline: Deadline, asker: Asker = Asker()) -> Round:  # noqa: B008 - it is immutable
    """Begin a new round: tasks of earlier ones count no more. Raises StoreError."""
    new = Round(str(uuid.uuid4()), timestamps.millis(timestamps.now()), asker)
    values = {":id": {"S": new.id}, ":now": {"S": new.began_at}, ":run": {"S": asker.run}}
    limited = "REMOVE may_remove"
    if asker.may_remove is not None:
        limited = ", may_remove = :most"
        values[":most"] = {"N": str(asker.may_remove)}
    _note(
        store,
        deadline,
        UpdateExpression=f"SET round_id = :id, began_at = :now, run_id = :run {limited}",
        ExpressionAttributeValues=values,
    )
    return new


def end(store: Store, deadline: Deadline) -> None:
    """Spread no work any more: what is left is little. Raises StoreError."""
    _note(store, deadline, UpdateExpression="REMOVE round_id, began_at, run_id, may_remove")


def _note(store: Store, deadline: Deadline, **update: Any) -> None:
    store.update(keys.LEASE, keys.WORK, deadline, **update)


def send(tasks: Sequence[Task], deadline: Deadline, delay: float = 0) -> None:
    """Put tasks into the queue, to be done after so many seconds. Raises StoreError."""
    for at in range(0, len(tasks), _SENT_AT_ONCE):
        some = tasks[at : at + _SENT_AT_ONCE]
        entries = [
            {"Id": str(number), "MessageBody": task.body(), "DelaySeconds": min(900, int(delay))}
            for number, task in enumerate(some)
        ]
        call = partial(_client().send_message_batch, QueueUrl=work_queue(), Entries=entries)
        if repeat(call, deadline).get("Failed"):
            raise Unavailable("Not all tasks could be sent")


def of_bin(of: Round, until: str) -> list[Task]:
    """Give the tasks of the bin, one for each function that may be at work.

    Not one for each shard: a partition of the index takes no more than 1,000 writes a second, and a function
    can do more than twice that.
    """
    parts = min(work_concurrency(), keys.BIN_SHARDS)
    return [Task("bin", of.id, part, parts, until) for part in range(parts)]


def of_sweep(of: Round, pk: str, sk: str, *, divided: bool) -> list[Task]:
    """Give the tasks of a sweep by the key of its note: one, or one for each function that may be at work."""
    parts = min(work_concurrency(), keys.CHANNEL_SHARDS) if divided else 1
    return [Task("sweep", of.id, part, parts, pk=pk, sk=sk) for part in range(parts)]


def in_turns(groups: Sequence[Sequence[Task]]) -> Iterator[Task]:
    """The first of each group, then the second of each: so none waits for all of another."""
    for turn in range(max(map(len, groups), default=0)):
        yield from (group[turn] for group in groups if turn < len(group))


@cache
def _client() -> Any:
    """The process's one client, made when it is first needed."""
    return session().create_client("sqs", config=CLIENT_CONFIG)


def forget() -> None:
    """Have the client made anew."""
    _client.cache_clear()
