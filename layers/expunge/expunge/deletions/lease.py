"""The lease of the purge: of several runs at once, one works and the others leave the work to it.

It saves work and nothing else. Whatever a run does is right whoever else is at work, so a run that cannot
take the lease because the store fails goes on without it.

The item also remembers until when all that was due is gone. By that, a run that can read nothing else reports
how late the purge may be.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.errors import PurgeUnderWay, StoreError
from expunge.table import keys
from expunge.table.store import ConditionFailed, Item, Store
from expunge.telemetry import logger

LASTS = timedelta(seconds=60)
"""How long a run that died keeps others from working."""

# Seconds. The rest of the minute is for clocks that differ: no lease is taken from a run that is alive.
_RENEWED_AFTER = 20.0

# Seconds that a call about the lease may take with all its repetitions; work does not wait for it longer.
_PATIENCE = 10.0


class Lease:
    """What a run holds, or tried to hold, while it works.

    An earlier run has seen that everything that was due until `clear_until` is gone. It is None if no run has
    seen that. A run that knows better sets it, and the run that takes the lease next reads it.
    """

    def __init__(self, store: Store, deadline: Deadline) -> None:
        self.clear_until: str | None = None
        self._store = store
        self._deadline = deadline
        self._id = str(uuid.uuid4())

    def take(self) -> None:
        """Take it, if the store lets us. Raises PurgeUnderWay if another run has it."""
        now = timestamps.now()
        until = timestamps.millis(now + LASTS)
        try:
            item = self._update(
                "SET holder_id = :me, leased_until = :until, clear_until = if_not_exists(clear_until, :now)",
                # It is ours already if the answer to the first attempt was lost.
                "attribute_not_exists(holder_id) OR leased_until < :now OR holder_id = :me",
                now=timestamps.millis(now),
                until=until,
            )
        except ConditionFailed as refused:
            raise PurgeUnderWay(refused.found["leased_until"]["S"] if refused.found else until) from None
        except StoreError as error:
            _warn("The lease was not taken; the run goes on without it", error)
        else:
            self.clear_until = item["clear_until"]["S"]

    def keep(self, ended: Event) -> None:
        """Renew it from time to time until the run has ended or another has taken it."""
        while not ended.wait(_RENEWED_AFTER):
            until = timestamps.millis(timestamps.now() + LASTS)
            try:
                self._update("SET leased_until = :until", "holder_id = :me", until=until)
            except ConditionFailed:
                return  # it ran out; both runs go on, which does no harm
            except StoreError as error:
                _warn("The lease was not renewed; it is tried again", error)

    def release(self) -> None:
        """Let the next run begin at once; if that fails, it can when the lease has run out."""
        expression, values = "REMOVE holder_id, leased_until", {}
        if self.clear_until is not None:
            expression, values = f"SET clear_until = :clear {expression}", {"clear": self.clear_until}
        try:
            self._update(expression, "holder_id = :me", **values)
        except ConditionFailed:
            pass  # never ours, ours no longer, or released by an attempt whose answer was lost
        except StoreError as error:
            _warn("The lease was not released; it runs out by itself", error)

    def _update(self, expression: str, condition: str, **values: str) -> Item:
        return self._store.update(
            keys.LEASE,
            keys.PURGE,
            self._deadline.for_settling().at_most(_PATIENCE),
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeValues={
                f":{name}": {"S": value} for name, value in {"me": self._id, **values}.items()
            },
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )


@contextmanager
def leased(store: Store, deadline: Deadline) -> Iterator[Lease]:
    """Hold the lease of the purge, renewed in the background. Raises PurgeUnderWay if another run has it."""
    lease = Lease(store, deadline)
    lease.take()
    ended = Event()
    keeper = Thread(target=lease.keep, args=[ended], daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        ended.set()
        keeper.join(max(0, deadline.to_wait()))
        lease.release()


def _warn(what: str, error: StoreError) -> None:
    logger.warning(what, extra={"reason": error.reason})
