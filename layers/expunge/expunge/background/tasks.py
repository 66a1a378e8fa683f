"""A task for a worker: a part of the bin or a sweep, as a whole or in part.

The table stays the truth: a task says only where to look. So one that comes twice does no harm, and one that
is lost is not missed for long.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from expunge import timestamps
from expunge.background.rounds import Round
from expunge.settings import work_concurrency
from expunge.table import keys

_LONGEST = 4096
"""Characters of a task; a sub key has at most 128."""


class MalformedTask(Exception):
    """What came by the queue is no task."""


@dataclass(frozen=True, slots=True)
class Task:
    """Work on the bin (what is due at `until`), or on the sweep whose note has the key `pk` and `sk`.

    The work is divided into `of` parts, numbered from 0, and this is number `part`. It has the shard of that
    number and every `of`th one after it. A sweep that is not divided is part 0 of 1.
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
        """Numbers of the shards that it has: of the bin or, if it is about a sweep, of the channels."""
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
