"""Messages of linked accounts: claimed by one request at a time, flagged and erased for good.

The claim is a lease: it keeps a message to one request while the provider is asked, ends when that request
does, and runs out by itself if the function died. If it died after the provider had deleted the message, the
provider tells the next request that there is no such message, which counts as a yes.
"""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.contents import contents
from expunge.deletions.soft_delete import Deletion
from expunge.errors import ContentLeft, OutOfTime, StoreError
from expunge.problems import Problem
from expunge.table import keys
from expunge.table.flags import NOT_DELETED, assignments, is_tombstone
from expunge.table.store import ConditionFailed, Item, Store, key
from expunge.telemetry import logger
from expunge.vocabulary import MESSAGE_ID

_ID = re.compile(MESSAGE_ID)

# Clocks differ a little; a lease must not run out while the function that holds it can still be alive.
_CLOCK_SKEW = 3.0

_IN_FLIGHT = "Another request is deleting this message; repeat the request to learn what became of it"


def is_message_id(text: str) -> bool:
    """Whether it is ``msg_`` and 26 characters of Crockford's base32.

    Only as ids are issued: in capitals. Crockford's leniency towards readers (small letters, O for 0, I and
    L for 1) would give one message many ids.
    """
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is this request's alone."""

    store: Store
    pk: str
    id: str
    item: Item

    @property
    def linked_account_id(self) -> str:
        """The account that it was sent from."""
        return str(self.item["linked_account_id"]["S"])

    @property
    def provider_message_id(self) -> str:
        """What the provider calls it."""
        return str(self.item["provider_message_id"]["S"])

    @property
    def sent_at(self) -> datetime:
        """When it was sent, to the microsecond."""
        return timestamps.parse(self.item["sent_at"]["S"])

    def erase(self, deletion: Deletion, deadline: Deadline) -> None:
        """Flag the message for good and erase its content, both or neither.

        Raises Problem if the message was taken away meanwhile, StoreError.
        """
        token = str(uuid.uuid4())
        content = {"Key": key(self.pk, keys.CONTENT), "TableName": self.store.table}
        writes: Any = [{"Update": self._flags(deletion)}, {"Delete": content}]
        try:
            self.store.transact(writes, token, deadline)
        except ConditionFailed as refused:
            # If these are its own flags, this very write was made before and only its answer got lost.
            if refused.found is None or not deletion.took(refused.found):
                raise _unavailable(refused.found) from None

    def remove_content(self, deadline: Deadline) -> None:
        """Remove what is in S3 of an erased message; if that fails, the purge does it."""
        url = self.item.get("content_url", {}).get("S")
        if url is None:
            return
        try:
            contents().remove(url, deadline)
        except (ContentLeft, OutOfTime) as error:
            logger.warning("Content in S3 is left to the purge", extra={"reason": str(error)})

    def _flags(self, deletion: Deletion) -> dict[str, Any]:
        clause, values = assignments(deletion.flags(self.pk) | {"erased_at": deletion.deleted_at})
        return {
            "TableName": self.store.table,
            "Key": key(self.pk, keys.MESSAGE),
            "UpdateExpression": f"SET {clause} REMOVE claim_id, claim_until",
            "ConditionExpression": f"claim_id = :claim AND {NOT_DELETED}",
            "ExpressionAttributeValues": values | {":claim": {"S": self.id}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def release(self, deadline: Deadline) -> None:
        """Let the next request have the message at once; if that fails, it waits for the end of the lease."""
        try:
            self.store.update(
                self.pk,
                keys.MESSAGE,
                deadline,
                UpdateExpression="REMOVE claim_id, claim_until",
                ConditionExpression="claim_id = :claim",
                ExpressionAttributeValues={":claim": {"S": self.id}},
            )
        except ConditionFailed:
            pass  # a repetition of a release whose answer got lost, or flagged after all
        except StoreError:
            logger.exception("A claim was not released; it runs out by itself")


@contextmanager
def claimed(store: Store, account_id: str, message_id: str, deadline: Deadline) -> Iterator[Claim]:
    """Have a live message of that account to oneself; it is released if what follows fails.

    Raises Problem if there is none or another request has it, StoreError.
    """
    claim = _claim(store, keys.linked_message(account_id, message_id), deadline)
    try:
        yield claim
    except Exception:
        claim.release(deadline.for_settling())
        raise


def _claim(store: Store, pk: str, deadline: Deadline) -> Claim:
    claim_id = str(uuid.uuid4())
    now = timestamps.now()
    until = now + timedelta(seconds=deadline.to_end() + _CLOCK_SKEW)
    try:
        item = store.update(
            pk,
            keys.MESSAGE,
            deadline.for_searching(),
            UpdateExpression="SET claim_id = :claim, claim_until = :until",
            ConditionExpression=(
                f"attribute_exists(pk) AND {NOT_DELETED}"
                # Its own claim is there already if an answer got lost.
                " AND (attribute_not_exists(claim_id) OR claim_until < :now OR claim_id = :claim)"
            ),
            ExpressionAttributeValues={
                ":claim": {"S": claim_id},
                ":until": {"S": timestamps.micros(until)},
                ":now": {"S": timestamps.micros(now)},
            },
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as refused:
        raise _unavailable(refused.found) from None
    return Claim(store, pk, claim_id, item)


def _unavailable(found: Item | None) -> Problem:
    if not found or "deleted_at" in found or is_tombstone(found):
        return Problem("resource_not_found", "There is no such message in this account")
    return Problem("service_unavailable", _IN_FLIGHT)
