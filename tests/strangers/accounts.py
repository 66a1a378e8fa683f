"""Two accounts in one table: the first one asks, and what the second one has is not its business."""

import json
from collections.abc import Iterator
from typing import Any

import delete_inbound_message_batch
import delete_inbound_messages
import list_deletion_messages
import list_deletions
from expunge.webhooks import cursors
from tests.strangers.asking import batch_of, event_of, last_request
from tests.world import KEY, Context, Handler, World, message_id

NOTHING = "01935abc-0000-7000-8000-0000000000ff"
NOBODYS = f"req_r{99_999_999}"
"""An id of nothing at all, and one of no deletion."""

INBOUND, OUTBOUND, PULL = (f"01935abc-0000-7000-8000-00000000020{digit}" for digit in "abc")
"""Endpoints of the second account."""

_KEY = "hb_live_2"


class Accounts:
    """Both of them, with messages, deletions and plans, and what the second one has of all this."""

    def __init__(self, world: World, times: int) -> None:
        """Fill the table; each request is made at most so many times."""
        self.world = world
        self._times = times
        self._keys = 0
        self._fill()
        self.own = self._deleted(KEY, 4, 5)
        """A deletion of the account that asks, older than the others."""
        self.message = world.message(1, account_id="acc_2", inbound_endpoint_id=INBOUND)
        self.outbound = world.outbound_message(2, account_id="acc_2", endpoint_id=OUTBOUND)
        self.event = world.event(3, account_id="acc_2", pull_endpoint_id=PULL)
        self.deletion = self._deleted(_KEY, 6, 7)
        self.flagged = message_id(6)
        self.plan = self._planned()
        self.cursor = self._told(list_deletions.handler, query="limit=1")["cursor"]
        at = {"request_id": self.deletion}
        self.place = self._told(list_deletion_messages.handler, path=at, query="limit=1")["cursor"]

    @property
    def forged_cursor(self) -> str:
        """A cursor of the list at the same time, that names no deletion."""
        at, _, _ = cursors.read_deletion(self.cursor).partition("#")
        return cursors.of_deletion(f"{at}#{NOBODYS}")

    @property
    def forged_place(self) -> str:
        """A cursor of a deletion's messages, that names no deletion."""
        return cursors.of_message(NOBODYS, 1)

    def unused(self) -> Iterator[str]:
        """Idempotency-Keys that nobody has used, one for each time."""
        for _ in range(self._times):
            self._keys += 1
            yield f"key-{self._keys:08}"

    def used(self, key: str = _KEY) -> Iterator[str]:
        """Those that an account has used for `batch_of(NOTHING)`, by default the second one."""
        keys = list(self.unused())
        request = batch_of(NOTHING) | {"key": key, "keys": iter(keys)}
        for _ in keys:
            self._told(delete_inbound_message_batch.handler, **request)
        return iter(keys)

    def _fill(self) -> None:
        world = self.world
        world.customer()
        world.outbound_endpoint()
        world.api_key(_KEY, "acc_2")
        world.inbound_endpoint(INBOUND, "acc_2")
        world.outbound_endpoint(OUTBOUND, "acc_2")
        world.pull_endpoint(PULL, "acc_2")
        world.linked_account("acc_2")
        world.linked_message(account_id="acc_2")
        for number in (4, 5):
            world.message(number)
        for number in (6, 7):
            world.message(number, account_id="acc_2", inbound_endpoint_id=INBOUND)

    def _deleted(self, key: str, *numbers: int) -> str:
        ids = [message_id(number) for number in numbers]
        told = self._told(delete_inbound_message_batch.handler, key=key, **batch_of(*ids))
        assert told["deleted_count"] == len(ids)
        return last_request()

    def _planned(self) -> str:
        told = self._told(delete_inbound_messages.handler, query="dry_run=true")
        return str(told["deletion_id"])

    def _told(self, handler: Handler, **request: Any) -> Any:
        reply = handler(event_of({"key": _KEY, **request}), Context())
        assert reply["statusCode"] == 200, reply["body"]
        return json.loads(reply["body"])["data"]
