"""The two kinds of work that are spread over several functions, with messages that they must not touch."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final, Protocol

from expunge import timestamps, timetokens
from expunge.background import rounds
from expunge.background.tasks import Task
from expunge.deadline import Deadline
from expunge.deletions import holding
from expunge.deletions.covered import Covered
from expunge.deletions.soft_delete import Deletion
from expunge.history import notes, records, restoring
from expunge.history.notes import Sweep
from expunge.table import keys
from expunge.table.flags import is_tombstone
from expunge.table.store import Item, Store
from tests.engines.due import due_message
from tests.world import ACCOUNT, message_id

OTHERS: Final = 500
"""Messages of each kind that must stay."""

PARTS: Final = 4
HELD: Final = "acc_held"
SUB_KEY: Final = "sub-c-wide"
CHANNEL: Final = "large"
FIRST: Final = 17_000_000_000_000_000
_DAYS: Final = 30

Record = dict[str, Any]


class Work(Protocol):
    """Something that workers do to many messages."""

    @property
    def table(self) -> str:
        """The table that they are in."""

    def records(self, number: int) -> Iterator[Record]:
        """So many messages that it is done to."""

    def others(self, number: int) -> Iterator[Record]:
        """Messages that must stay as they are, `number` being how many there are of the former."""

    def tasks(self, store: Store, number: int) -> Sequence[Task]:
        """Begin a round, and give its tasks; `number` is as before."""

    def partitions(self, shard: int) -> Sequence[str]:
        """Partitions of the index that hold some of what is still to be done, and what stays."""

    def shards(self, number: int) -> Iterator[int]:
        """The shard of each of the messages that it is done to."""

    def is_done(self, row: Item) -> bool:
        """Whether it was done to the message that had this row."""

    def check(self, store: Store, counted: int, in_doubt: int, number: int) -> None:
        """See that the counts that an operator is shown are right. Raises RuntimeError.

        Workers have `counted` so many, those that died included, and may have done so many more.
        """


class Purging:
    """Removing what is due; what lives, is not due yet or is held stays."""

    table = "due"

    def records(self, number: int) -> Iterator[Record]:
        """So many of them."""
        return (due_message(each) for each in range(number))

    def others(self, number: int) -> Iterator[Record]:
        """What must stay."""
        flags = ("deleted_at", "deleted_by", "delete_request_id", "purge_at")
        for each in range(number, number + OTHERS):
            deleted = due_message(each)
            living = {name: value for name, value in deleted.items() if name not in flags}
            yield living
            yield deleted | {"id": message_id(each + OTHERS), "purge_at": "2999-01-01T00:00:00.000Z"}
            yield deleted | {"account_id": HELD}

    def tasks(self, store: Store, number: int) -> Sequence[Task]:  # noqa: ARG002 - the other kind needs it
        """Begin a round, and give its tasks."""
        deadline = Deadline.never()
        holding.place(store, Covered(account_id=HELD), reason="to be kept", by="benchmark", deadline=deadline)
        new = rounds.begin(store, deadline)
        now = timestamps.millis(timestamps.now())
        return [Task("bin", new.id, part, PARTS, now) for part in range(PARTS)]

    def partitions(self, shard: int) -> Sequence[str]:
        """Where some of them are found."""
        return keys.bin_shards()[shard], keys.parked_shards()[shard]

    def shards(self, number: int) -> Iterator[int]:
        """Where each is."""
        numbers = {shard: at for at, shard in enumerate(keys.bin_shards())}
        pks = (keys.message("INBOUND", ACCOUNT, message_id(each)) for each in range(number))
        return (numbers[keys.bin_shard(pk)] for pk in pks)

    def is_done(self, row: Item) -> bool:
        """Whether it was done to a message."""
        return is_tombstone(row) and row["delete_request_id"]["S"] == "req_1"

    def check(self, store: Store, counted: int, in_doubt: int, number: int) -> None:  # noqa: ARG002 - the other kind needs it
        """See that nothing is missing but what workers owned up to: the record of a run has these numbers."""
        if number > counted + in_doubt:
            raise RuntimeError(f"{counted:,} of {number:,} were counted, and only {in_doubt:,} are in doubt")


class Deleting:
    """Flagging a stretch of a channel; what is outside of it and other channels stay."""

    table = "channel"

    def records(self, number: int) -> Iterator[Record]:
        """So many of them."""
        return (self._message(CHANNEL, FIRST + each) for each in range(number))

    def others(self, number: int) -> Iterator[Record]:
        """What must stay."""
        for each in range(OTHERS):
            yield self._message(CHANNEL, FIRST - 1 - each)
            yield self._message(CHANNEL, FIRST + number + each)
            yield self._message("another", FIRST + each)

    def tasks(self, store: Store, number: int) -> Sequence[Task]:
        """Begin a round, and give its tasks."""
        asked, deadline = timestamps.now() - timedelta(minutes=2), Deadline.never()
        deletion = Deletion.of("req_wide", SUB_KEY, asked, _DAYS)
        sweep = Sweep(SUB_KEY, [CHANNEL], range(FIRST, FIRST + number), timetokens.after(asked), deletion)
        notes.put(store, sweep, deadline)
        new = rounds.begin(store, deadline)
        return [
            Task("sweep", new.id, part, PARTS, pk=sweep.place.pk, sk=sweep.place.sk) for part in range(PARTS)
        ]

    def partitions(self, shard: int) -> Sequence[str]:
        """Where some of them are found."""
        return [keys.live_channel(SUB_KEY, CHANNEL, shard)]

    def shards(self, number: int) -> Iterator[int]:
        """Where each is."""
        return (keys.channel_shard(timetokens.order(FIRST + each)) for each in range(number))

    def is_done(self, row: Item) -> bool:
        """Whether it was done to a message."""
        return row.get("delete_request_id") == {"S": "req_wide"} and "deleted_at" in row

    def check(self, store: Store, counted: int, in_doubt: int, number: int) -> None:  # noqa: ARG002 - the other kind needs them
        """See that the deletion's record tells the whole number, whatever workers said."""
        deadline = Deadline.never()
        record = records.find(store, SUB_KEY, "req_wide", deadline)
        if record is None or record.deletion is None:
            raise RuntimeError("the deletion has no record")
        told = restoring.count_deleted(store, SUB_KEY, record.deletion, _DAYS, deadline)
        if told != number:
            raise RuntimeError(f"the deletion's record tells of {told:,} messages, not of {number:,}")

    def _message(self, channel: str, timetoken: int) -> Record:
        return {
            "kind": "channel_message",
            "sub_key": SUB_KEY,
            "channel": channel,
            "timetoken": str(timetoken),
        }


KINDS: Final[dict[str, Work]] = {"purge": Purging(), "channel": Deleting()}
