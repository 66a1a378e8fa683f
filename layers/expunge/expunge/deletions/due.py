"""Messages in the bin that are due by their date: removed for good, or dated anew if they must stay longer.

Both are done only to a message that is still deleted and still lies where it was found.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from expunge import timestamps
from expunge.deletions.parking import Moved, waits
from expunge.errors import ContentLeft
from expunge.table import keys
from expunge.table.flags import tombstone
from expunge.table.search import Found
from expunge.table.store import Item, key
from expunge.telemetry import logger

TOMBSTONE_DAYS = 35
"""Days that a purged message is remembered, unless a deployment says otherwise."""

_NEVER = datetime.max.replace(tzinfo=UTC)
_ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Rule:
    """What may go: what is due by its own date, and has been kept for the retention in force as well."""

    now: datetime
    retention: timedelta
    tombstone_days: int = TOMBSTONE_DAYS

    @cached_property
    def due_until(self) -> str:
        """Messages go that are due at this time or before."""
        return timestamps.millis(self.now)

    @cached_property
    def deleted_until(self) -> str:
        """What was deleted by this time has been kept long enough by the retention in force."""
        return timestamps.millis(self.now - min(self.retention, self.now - _ALWAYS))

    def purge_at(self, deleted_at: str) -> str:
        """When a message deleted then is due by the retention in force."""
        moment = timestamps.parse(deleted_at)
        return timestamps.millis(moment + min(self.retention, _NEVER - moment))


@dataclass(slots=True)
class Due:
    """A message that is due by its date, where it was found.

    `mark` is left on its tombstone. `anew` is its new date if the retention in force keeps it. `content_url`
    is set if it was not removed at once because its content is in S3; `left` then says why that content could
    not be removed.
    """

    found: Found
    rule: Rule
    purged_at: datetime = field(default_factory=lambda: timestamps.now(), init=False)  # noqa: PLW0108 - tests set clocks
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:12], init=False)
    removed: bool = field(default=False, init=False)
    held: bool = field(default=False, init=False)
    anew: "DatedAnew | None" = field(default=None, init=False)
    moved: Moved | None = field(default=None, init=False)
    content_url: str | None = field(default=None, init=False)
    deletion_id: str = field(default="", init=False)
    left: ContentLeft | None = field(default=None, init=False)

    def judge(self, *, held: bool) -> bool:
        """Whether to remove it; else it is set aside, goes on waiting, or goes back to the bin."""
        self.held = held
        if held:
            self.moved = None if waits(self.found) else Moved.aside(self.found)
            return False
        self.moved = None if self.in_time else Moved.back(self.found)
        return self.in_time

    @property
    def in_time(self) -> bool:
        """Whether it is due by its own date."""
        return keys.purge_at(self.found.order) <= self.rule.due_until

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        """Put a tombstone in the place of the record, if it may go, and delete the content.

        Content in S3 goes before its record.
        """
        return self.tombstone(table, "attribute_not_exists(content_url)", {})

    def tombstone(self, table: str, further: str, more: dict[str, Any]) -> Sequence[dict[str, Any]]:
        """Give the writes that remove record and content, on a further condition and its values."""
        condition, values = self.condition()
        update = tombstone(self.purged_at, self.rule.tombstone_days, self.mark)
        update |= {
            "TableName": table,
            "Key": key(self.found.pk, keys.MESSAGE),
            "ConditionExpression": f"{condition} AND {further}",
            "ExpressionAttributeValues": update["ExpressionAttributeValues"] | values | more,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        content = {"TableName": table, "Key": key(self.found.pk, keys.CONTENT)}
        return [{"Update": update}, {"Delete": content}]

    def condition(self) -> tuple[str, dict[str, Any]]:
        """That it may go: still deleted, where it was found, and due; with the condition's values."""
        condition = (
            "state_pk = :bin AND state_sk = :order AND attribute_exists(deleted_at) AND purge_at <= :due"
            # What was erased can't be restored: no retention keeps it.
            " AND (deleted_at <= :deleted OR attribute_exists(erased_at))"
        )
        values = {
            ":bin": self.found.place.pk,
            ":order": self.found.order,
            ":due": self.rule.due_until,
            ":deleted": self.rule.deleted_until,
        }
        return condition, {name: {"S": value} for name, value in values.items()}

    def committed(self) -> None:
        """Take note of the store's yes."""
        self.removed = True

    def is_own(self, found: Item) -> bool:
        """Whether that item is the tombstone that this removal put there, not another one's."""
        return found.get("purge_mark") == {"S": self.mark}

    def refused(self, found: Item | None) -> None:
        """Leave it: to be dated anew if the retention in force keeps it, or because it has content in S3.

        If it was removed by an earlier attempt, whose answer got lost, that is noted. If its flags cannot be
        read, it keeps no other message from being removed.
        """
        if not found:
            return
        if self.is_own(found):
            self.committed()
        if "deleted_at" not in found:
            return
        try:
            self._keep(found)
        except (KeyError, ValueError):
            logger.error("A message has flags that cannot be read: `expunge check` says which one")

    def _keep(self, found: Item) -> None:
        """Find out why it stays. Raises KeyError or ValueError if its flags cannot be read."""
        deleted_at = found["deleted_at"]["S"]
        purge_at = max(found["purge_at"]["S"], self.rule.purge_at(deleted_at))
        timestamps.parse(purge_at)
        if "erased_at" not in found and purge_at > self.rule.due_until:
            self.anew = DatedAnew(self.found, deleted_at, purge_at)
        elif "content_url" in found:
            self.content_url = found["content_url"]["S"]
            self.deletion_id = found.get("delete_request_id", {}).get("S", "")


@dataclass(slots=True)
class DatedAnew:
    """A message that stays until the retention in force is over.

    All messages of one deletion get the same date, since they were deleted at the same time.
    """

    found: Found
    deleted_at: str
    purge_at: str
    done: bool = field(default=False, init=False)

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        """Move it to where it belongs in the bin, also if it waited apart, if nobody has touched it."""
        update = {
            "TableName": table,
            "Key": key(self.found.pk, keys.MESSAGE),
            "UpdateExpression": "SET purge_at = :due, state_pk = :new_bin, state_sk = :new_order",
            "ConditionExpression": "state_pk = :bin AND state_sk = :order AND deleted_at = :deleted",
            "ExpressionAttributeValues": {
                ":bin": {"S": self.found.place.pk},
                ":order": {"S": self.found.order},
                ":deleted": {"S": self.deleted_at},
                ":due": {"S": self.purge_at},
                ":new_bin": {"S": keys.bin_shard(self.found.pk)},
                ":new_order": {"S": keys.bin_order(self.purge_at, self.found.pk)},
            },
        }
        return [{"Update": update}]

    def committed(self) -> None:
        """Take note of the store's yes."""
        self.done = True

    def refused(self, found: Item | None) -> None:
        """Leave it: somebody has touched it meanwhile."""
