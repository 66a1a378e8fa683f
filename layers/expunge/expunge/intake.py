"""Records that come by the queue: read line by line, checked, and stored as they are read.

However many records a batch has, only those of a few transactions are in memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from expunge.deadline import Deadline
from expunge.errors import OutOfTime, StoreError
from expunge.settings import content_bucket
from expunge.table.records import MESSAGE_KINDS, BadLine, Message, parse
from expunge.table.store import Item, Store
from expunge.table.storing import Outcome, Storing, store_all

_LISTED = 1000
"""Of the bad lines of a batch, so many are told: Lambda takes answers of 6 MB, and there may be a million."""


_KINDS = f"kind must be one of {', '.join(MESSAGE_KINDS)}"


class Rejection(NamedTuple):
    """A line that is not stored, and why, in words that quote no content."""

    line: int
    reason: str


@dataclass(slots=True)
class Body:
    """The body of one message of the queue: a record, or several, a line each."""

    id: str
    text: str = field(repr=False)
    listed: int = _LISTED
    """Of its bad lines, so many are told."""
    rejections: list[Rejection] = field(default_factory=list)
    rejected: int = 0
    stored: int = 0
    left_alone: int = 0
    """Records that change nothing, because the message is deleted or what is stored is as new."""
    read: bool = False
    _open: set["_Line"] = field(default_factory=set)

    @property
    def settled(self) -> bool:
        """Whether nothing of it is left to be stored."""
        return self.read and not self._open

    @property
    def failed(self) -> bool:
        """Whether it is to come again: it has a bad line, or something of it is left to be stored."""
        return self.rejected > 0 or not self.settled

    def lines(self) -> Iterator["_Line"]:
        """Give its good lines, noting the bad ones."""
        # JSON may hold what Python takes for an end of line as well, so it is not `splitlines`.
        for number, line in enumerate(self.text.split("\n"), start=1):
            if not line.strip():
                continue
            if len(self.rejections) >= self.listed and not line.lstrip().startswith("{"):
                self.rejected += 1  # no object for certain, and what is wrong with it is not told any more
                continue
            try:
                record = parse(line.encode(errors="surrogatepass"), content_bucket())
            except BadLine as error:
                self._reject(number, _KINDS if error.field == "kind" else error.unquoted)
                continue
            if not isinstance(record, Message):
                self._reject(number, f"{record.kind} is not taken from the queue; load it by `expunge load`")
                continue
            one = _Line.of(record)
            one.body = self
            self._open.add(one)
            yield one
        if not self.text.strip():
            self._reject(1, "the body holds no record")
        self.read = True

    def _reject(self, line: int, reason: str) -> None:
        self.rejected += 1
        if len(self.rejections) < self.listed:
            self.rejections.append(Rejection(line, reason))

    def settle(self, line: "_Line") -> None:
        """Count what became of a line."""
        self._open.discard(line)
        if line.outcome is Outcome.STORED:
            self.stored += 1
        else:
            self.left_alone += 1


@dataclass(slots=True, eq=False)
class _Line(Storing):
    body: Body = field(init=False)

    def committed(self) -> None:
        Storing.committed(self)
        self.body.settle(self)

    def refused(self, found: Item | None) -> None:
        Storing.refused(self, found)
        self.body.settle(self)


def take_in(
    store: Store, bodies: Mapping[str, str], deadline: Deadline
) -> tuple[list[Body], StoreError | None]:
    """Store the records of bodies, given by the ids of their messages, and tell what became of each body.

    The error is why not everything was stored, if so. A body that is not settled may be stored in part, and
    can be sent again: that does no harm.
    """
    taken = [Body(each, text, _LISTED // max(1, len(bodies))) for each, text in bodies.items()]

    def lines() -> Iterator[Storing]:
        for body in taken:
            for line in body.lines():
                if deadline.to_start() <= 0:
                    raise OutOfTime
                yield line

    try:
        store_all(store, lines(), deadline)
    except StoreError as error:
        return taken, error
    return taken, None
