"""Idempotency keys: which request had a key first, and what is to be done with one that comes again.

The key is claimed before the request does anything. What a deletion did is read from its record; the answers
of other requests are kept with the key.
"""

import json
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.errors import InvalidRequest, KeyReused, RequestInProgress, StoreError
from expunge.table import keys
from expunge.table.store import ConditionFailed, Item, Store

_KEPT = timedelta(hours=24)


@dataclass(slots=True)
class Claim:
    """A key and the request that had it first.

    `first` says that this request is that one; `kept` is the answer where it was kept.
    """

    store: Store
    deadline: Deadline
    pk: str
    request_id: str
    busy_until: str | None
    first: bool
    kept: dict[str, Any] | None = None
    taken_over: bool = False

    def take_over(self, *, ended: bool = False) -> None:
        """Go on with what the first request left unfinished, alone.

        `ended` says that it is known not to be at work any more. Raises RequestInProgress, StoreError.
        """
        if self.first:
            return
        if self.busy_until is not None and not ended and _now() < self.busy_until:
            raise _in_progress()
        new = _busy_until(self.deadline)
        condition = "attribute_not_exists(busy_until) OR busy_until IN (:seen, :new)"
        values = {":new": {"S": new}, ":seen": {"S": self.busy_until or new}}
        try:
            self.store.update(
                self.pk,
                keys.IDEMPOTENCY,
                self.deadline,
                UpdateExpression="SET busy_until = :new",
                ConditionExpression=f"attribute_exists(pk) AND ({condition})",
                ExpressionAttributeValues=values,
            )
        except ConditionFailed:
            raise _in_progress() from None
        self.busy_until, self.taken_over = new, True

    def keep(self, answer: dict[str, Any]) -> None:
        """Keep an answer for repetitions. Raises StoreError: then it must not be given."""
        packed = zlib.compress(json.dumps(answer, separators=(",", ":")).encode())
        with suppress(ConditionFailed):
            self._end("SET kept = :kept REMOVE busy_until", {":kept": {"B": packed}})

    def end(self) -> None:
        """Let a repetition go on at once, if it was this request that was at work: it is not any more."""
        if self.first or self.taken_over:
            with suppress(StoreError, ConditionFailed):
                self._end("REMOVE busy_until", {})

    def release(self) -> None:
        """Forget the key: a request that was refused does not use it up."""
        with suppress(StoreError, ConditionFailed):
            self.store.delete(
                self.pk,
                keys.IDEMPOTENCY,
                self.deadline.for_settling(),
                ConditionExpression="request_id = :id",
                ExpressionAttributeValues={":id": {"S": self.request_id}},
            )

    def _end(self, expression: str, values: Item) -> None:
        self.store.update(
            self.pk,
            keys.IDEMPOTENCY,
            self.deadline.for_settling(),
            UpdateExpression=expression,
            ConditionExpression="request_id = :id",
            ExpressionAttributeValues={":id": {"S": self.request_id}, **values},
        )


def claim(
    store: Store, account_id: str, key: str, fingerprint: str, request_id: str, deadline: Deadline
) -> Claim:
    """Claim a key for a request, or find the one that had it before.

    Raises InvalidRequest for what is no key, KeyReused where it was another request's, StoreError.
    """
    if re.fullmatch(r"[!-~]{1,255}", key) is None:
        raise InvalidRequest("Idempotency-Key must be 1 to 255 visible ASCII characters")
    pk = keys.idempotency(account_id, sha256(key.encode()).hexdigest())
    now, busy_until = timestamps.now(), _busy_until(deadline)
    item = {
        "pk": {"S": pk},
        "sk": {"S": keys.IDEMPOTENCY},
        "request_id": {"S": request_id},
        "fingerprint": {"S": fingerprint},
        "busy_until": {"S": busy_until},
        "keep_until": {"N": str(int((now + _KEPT).timestamp()))},
    }
    try:
        store.put(
            item,
            deadline,
            ConditionExpression="attribute_not_exists(pk) OR keep_until <= :now",
            ExpressionAttributeValues={":now": {"N": str(int(now.timestamp()))}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as failed:
        return _earlier(store, deadline, pk, item, failed.found or {})
    return Claim(store, deadline, pk, request_id, busy_until, first=True)


def _earlier(store: Store, deadline: Deadline, pk: str, ours: Item, found: Item) -> Claim:
    if found.get("fingerprint") != ours["fingerprint"]:
        raise KeyReused("This Idempotency-Key was used for another request")
    request_id = found["request_id"]["S"]
    busy_until = found["busy_until"]["S"] if "busy_until" in found else None
    kept = json.loads(zlib.decompress(bytes(found["kept"]["B"]))) if "kept" in found else None
    # A write whose answer got lost is made again, and then finds itself.
    first = found["request_id"] == ours["request_id"] and found.get("busy_until") == ours["busy_until"]
    return Claim(store, deadline, pk, request_id, busy_until, first, kept)


def _in_progress() -> RequestInProgress:
    return RequestInProgress("The first request with this Idempotency-Key can still be at work")


def _busy_until(deadline: Deadline) -> str:
    return timestamps.micros(timestamps.now() + timedelta(seconds=max(0.0, deadline.to_end())))


def _now() -> str:
    return timestamps.micros(timestamps.now())
