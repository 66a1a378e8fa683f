"""The library: a platform's messages, as its own writers and readers need them."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from expunge import settings, timestamps
from expunge.deadline import Deadline
from expunge.deletions import holding, records
from expunge.deletions import restore as restoring
from expunge.deletions.covered import Covered
from expunge.deletions.presence import not_there
from expunge.deletions.restore import Restorer
from expunge.deletions.standing import read, settle
from expunge.errors import AlreadyDeleted, NotFound, StoreError
from expunge.history import records as history
from expunge.history.restoring import end_sweep, restore_all
from expunge.messages import reading, writing
from expunge.messages.identity import check, known, partition_key
from expunge.table.json_text import MAX_DEPTH, compact
from expunge.table.records import ChannelMessage, Message, parse
from expunge.table.store import Store, connect
from expunge.table.storing import Storing

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_OPERATOR = "operator"
"""Who restored what the library restores, and who holds: no key of the API did."""


class Messages:
    """The messages of one table.

    A message is named by its identity: `account_id` and `id` (and `pull_endpoint_id` for a pull event), or
    `sub_key`, `channel` and `timetoken`. What is not as it must be raises ValueError, and nothing was read or
    written. A store that fails, throttles or does not answer for `seconds` raises a StoreError: whether a
    write was made is not known then, and to repeat it does no harm.

    May be used by several threads. Costs are in DynamoDB's units, for metadata of up to 1 KB.
    """

    def __init__(
        self,
        table: str | None = None,
        client: "DynamoDBClient | None" = None,
        *,
        seconds: float = 30,
        retention_days: int = 30,
        deletion_record_days: int = 400,
        content_bucket: str | None = None,
    ) -> None:
        """Use the table that is named, else that of the environment's TABLE_NAME.

        The client is by default made as boto3 would, from the environment and its configuration. The days
        are the parameters RetentionDays and DeletionRecordDays of the stack; only restoring channel history
        asks for them. The bucket is where a `content_url` may be, else that of CONTENT_BUCKET.
        """
        name = table or settings.table_name()
        self._store = connect(name) if client is None else Store(client, name)
        self._seconds = seconds
        self._retention_days = retention_days
        self._record_days = deletion_record_days
        self._bucket = settings.content_bucket() if content_bucket is None else content_bucket

    def put(self, record: Mapping[str, Any]) -> bool:
        """Store a message, given in the import format, with its content; it replaces the one that is there.

        False, and nothing changed, if the stored one's `version` is as high or higher, or the record has none
        and the stored one has. Raises AlreadyDeleted if the message is deleted or was purged, in a channel as
        soon as the request that deletes it is answered.

        Costs 4 write units and 2 for every KB of compressed content, and one for each index (2 for webhooks,
        1 for channels) when it is new, two when its status has changed; for a channel 1 read unit, and
        another one while something of the keyset is being deleted.
        """
        try:
            made = parse(compact(dict(record)), self._bucket)
        except TypeError as error:
            raise ValueError("the record must be what JSON can hold") from error
        except RecursionError as error:
            raise ValueError(f"the record must not be nested deeper than {MAX_DEPTH} levels") from error
        if not isinstance(made, Message):
            raise ValueError(f"{made.kind} is no message")  # noqa: TRY004 - the type is right
        deadline = self._soon()
        if isinstance(made, ChannelMessage) and reading.is_covered(self._store, made, deadline):
            raise AlreadyDeleted
        return writing.put(self._store, Storing.of(made), deadline)

    def set_status(self, kind: str, *, status: str, version: int | None = None, **identity: str) -> bool:
        """Move a webhook message or event to another status, and in the indexes; all else stays.

        False, and nothing changed, where the stored `version` is as high or higher, or none is given and
        there is a stored one. Raises AlreadyDeleted, NotFound.

        Costs 1 read unit, 1 write unit and 2 for each of two indexes; once more if another writer comes
        between, nothing is written if it has that status already.
        """
        if known(kind) in ("linked_message", "channel_message"):
            raise ValueError(f"{kind} has no status")
        writing.check_version(version)
        pk = partition_key(kind, identity)
        return writing.set_status(self._store, pk, status, version, self._soon())

    def get(self, kind: str, **identity: str) -> dict[str, Any] | None:
        """Give a message in the import format, with `restored_at` and `restored_by` if it was restored.

        None once it is deleted, and for what was never there. A message of a channel counts as deleted as
        soon as the request that deletes it is answered.

        Costs 1 read unit and 1 for every 4 KB of compressed content; for a channel 1 more.
        """
        return reading.get(self._store, partition_key(kind, identity), self._soon())

    def is_deleted(self, kind: str, **identity: str) -> bool:
        """Whether a message is deleted, erased, or remembered as purged; False for what was never there.

        Costs 1 read unit, for a channel 1 more.
        """
        return reading.is_deleted(self._store, partition_key(kind, identity), self._soon())

    def live(self, kind: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Give the living messages of an account or a channel, oldest first, as `get` gives them.

        For webhooks `account_id` (and `pull_endpoint_id`) and the filters of the family's delete-all, as the
        API has them; without `limit` all that match. For a channel `sub_key`, `channel`, and `start` and
        `end` if not the whole of it. Linked messages cannot be listed: they are in no index.

        What is put while it runs may be among them or not; what was deleted before it is reached is not.
        Memory stays the same however many there are. Costs what `get` does for each, and half a read unit for
        about 50 in the index.
        """
        living = reading.Live(known(kind), filters)
        return living.records(self._store, self._seconds)

    def restore(self, request_id: str, *, account_id: str | None = None, sub_key: str | None = None) -> int:
        """Make live again what a request deleted, and return how many messages that were.

        Those that are live again already or were purged are not counted. What is left of a deletion of
        channel history in the background is ended. Raises NotFound if the account or keyset has no such
        deletion. After a StoreError some are restored, and repeating it continues.

        Costs 6 write units a message, and 1 read unit to find it.
        """
        if (account_id is None) == (sub_key is None):
            raise ValueError("either account_id or sub_key must be given")
        check("", "request_id", request_id)
        restorer = Restorer(f"req_{uuid.uuid4().hex}", _OPERATOR, timestamps.millis(timestamps.now()))
        if account_id is not None:
            check("", "account_id", account_id)
            return self._restore_listed(account_id, request_id, restorer)
        check("", "sub_key", sub_key)
        return self._restore_history(str(sub_key), request_id, restorer)

    def hold(  # noqa: PLR0913 - by name
        self,
        *,
        account_id: str | None = None,
        endpoint_id: str | None = None,
        sub_key: str | None = None,
        channel: str | None = None,
        messages: Sequence[str] = (),
        reason: str,
        by: str = _OPERATOR,
        hold_id: str | None = None,
    ) -> dict[str, Any]:
        """Keep an account or a keyset, or something of it, from being purged and erased until `release`.

        `messages` are up to 90 ids in the account, with `endpoint_id` of that endpoint; in a keyset
        CHANNEL:TIMETOKEN. Returns the hold: its `id`, `in_force_from`, which is a minute from now, what it
        covers, `reason`, `by`, `placed_at`, and, if some of that is not in the table yet, `not_there`. Under
        the same `hold_id` the same hold is placed once. Raises NotHoldable, which is a ValueError.

        Costs 2 write units, and 2 for each message.
        """
        covered = Covered(
            account_id=account_id,
            endpoint_id=endpoint_id,
            sub_key=sub_key,
            channel=channel,
            messages=messages,
        )
        deadline = self._soon()
        made = holding.place(self._store, covered, reason=reason, by=by, deadline=deadline, hold_id=hold_id)
        missing = not_there(self._store, made.covered, self._soon())
        return made.told() | ({"not_there": missing} if missing else {})

    def holds(self, *, released: bool = False) -> Iterator[dict[str, Any]]:
        """Give the holds, oldest first, as `hold` gives them; those that are released only if asked for."""
        return (each.told() for each in holding.listed(self._store, self._soon(), released=released))

    def release(self, hold_id: str, *, by: str = _OPERATOR) -> dict[str, Any]:
        """End a hold, and return it with `released_at` and `released_by`.

        What no other hold covers is due as before, from the next run of the purge on. Raises NoSuchHold, and
        HoldReleased if it was released before.
        """
        return holding.release(self._store, hold_id, by=by, deadline=self._soon()).told()

    def _restore_listed(self, account_id: str, request_id: str, restorer: Restorer) -> int:
        record = records.find(self._store, account_id, request_id, self._soon())
        if record is None:
            raise NotFound("There is no such deletion in this account")
        rows = read(self._store, record, self._soon(), restoring.ATTRIBUTES)
        settle(self._store, record, rows, self._soon())
        found = list(restoring.of_record(record, rows, record.ids, restorer).values())
        stopped = restoring.restore(self._store, found, self._soon())
        if stopped is not None:
            raise stopped.error
        return sum(each.restored for each in found)

    def _restore_history(self, sub_key: str, request_id: str, restorer: Restorer) -> int:
        record = history.find(self._store, sub_key, request_id, self._soon())
        if record is None or record.deletion is None:
            raise NotFound("There is no such deletion of this keyset")
        end_sweep(self._store, sub_key, request_id, self._record_days, self._soon())
        total = 0
        while True:
            before = total
            steps = restore_all(
                self._store, sub_key, record.deletion, restorer, self._retention_days, self._soon()
            )
            try:
                for restored in steps:
                    total += restored
            except StoreError:
                if total == before:
                    raise
            else:
                return total

    def _soon(self) -> Deadline:
        return Deadline.within(self._seconds)
