"""Pairs of requests: one names what another account has, one what is not there. Nothing tells them apart."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import delete_inbound_message
import delete_inbound_message_batch
import delete_inbound_messages
import delete_message
import delete_outbound_message_batch
import delete_outbound_messages
import delete_pull_event
import delete_pull_event_batch
import delete_pull_events
import execute_deletion
import get_deletion
import list_deletion_messages
import list_deletions
import restore_deletion
from tests.strangers.accounts import INBOUND, NOBODYS, NOTHING, OUTBOUND, PULL, Accounts
from tests.strangers.asking import Request, batch_of
from tests.world import KEY, LINKED, Handler
from tests.world import PULL as OWN_PULL

NO_LINKED = LINKED[:-1] + "0"


class Pair(NamedTuple):
    """Both requests to a handler, and the status of the answer to both."""

    handler: Handler
    theirs: Request
    nothing: Request
    status: int


Make = Callable[[Accounts], Pair]


def of_paths(
    handler: Handler, theirs: Mapping[str, str], nothing: Mapping[str, str], status: int = 404
) -> Pair:
    """Compare what two paths name."""
    return Pair(handler, {"path": theirs}, {"path": nothing}, status)


def of_deletion(handler: Handler, theirs: str) -> Pair:
    """Compare a deletion with one that was never made."""
    return of_paths(handler, {"request_id": theirs}, {"request_id": NOBODYS})


def of_filter(handler: Handler, name: str, theirs: str) -> Pair:
    """Compare endpoints that a filter names."""

    def request(endpoint_id: str) -> Request:
        return {"query": f"{name}={endpoint_id}", "named": endpoint_id}

    return Pair(handler, request(theirs), request(NOTHING), 400)


def of_batch(handler: Handler, theirs: str, path: Mapping[str, str] | None = None) -> Pair:
    """Compare messages that a body names, in the same place."""
    here = {"path": path or {}}
    return Pair(handler, batch_of(theirs) | here, batch_of(NOTHING) | here, 200)


def of_cursors(handler: Handler, theirs: str, forged: str, status: int, **path: str) -> Pair:
    """Compare cursors, in the same place."""
    here = {"path": path}
    return Pair(handler, {"query": f"cursor={theirs}"} | here, {"query": f"cursor={forged}"} | here, status)


def of_keys(theirs: Iterator[str], unused: Iterator[str]) -> Pair:
    """Compare Idempotency-Keys, with a request for which the former were used."""
    handler, same = delete_inbound_message_batch.handler, batch_of(NOTHING)
    return Pair(handler, same | {"keys": theirs}, same | {"keys": unused}, 200)


def of_keys_anew(theirs: Iterator[str], unused: Iterator[str], status: int) -> Pair:
    """Compare them with another request, which is refused in any case."""
    handler, other = delete_inbound_messages.handler, {"query": f"inbound_endpoint_id={NOTHING}"}
    return Pair(handler, other | {"keys": theirs}, other | {"keys": unused}, status)


def event_at(endpoint_id: str, event_id: str) -> dict[str, str]:
    """The path of an event."""
    return {"id": endpoint_id, "event_id": event_id}


MESSAGES: Mapping[str, Make] = {
    "inbound: delete-all": lambda _: of_filter(
        delete_inbound_messages.handler, "inbound_endpoint_id", INBOUND
    ),
    "outbound: delete-all": lambda _: of_filter(delete_outbound_messages.handler, "endpoint_id", OUTBOUND),
    "pull: delete-all": lambda _: of_paths(delete_pull_events.handler, {"id": PULL}, {"id": NOTHING}),
    "inbound: delete-batch": lambda there: of_batch(delete_inbound_message_batch.handler, there.message),
    "outbound: delete-batch": lambda there: of_batch(delete_outbound_message_batch.handler, there.outbound),
    "pull: delete-batch, own endpoint": lambda there: of_batch(
        delete_pull_event_batch.handler, there.event, {"id": OWN_PULL}
    ),
    "pull: delete-batch, their endpoint": lambda there: Pair(
        delete_pull_event_batch.handler,
        batch_of(there.event) | {"path": {"id": PULL}},
        batch_of(there.event) | {"path": {"id": NOTHING}},
        404,
    ),
    "inbound: one": lambda there: of_paths(
        delete_inbound_message.handler, {"message_id": there.message}, {"message_id": NOTHING}
    ),
    "pull: one, own endpoint": lambda there: of_paths(
        delete_pull_event.handler, event_at(OWN_PULL, there.event), event_at(OWN_PULL, NOTHING)
    ),
    "pull: one, their endpoint": lambda there: of_paths(
        delete_pull_event.handler, event_at(PULL, there.event), event_at(NOTHING, there.event)
    ),
    "outbound: one": lambda there: of_paths(
        delete_message.handler, {"message_id": there.outbound}, {"message_id": NOTHING}
    ),
    "linked: one": lambda _: of_paths(
        delete_message.handler, {"message_id": LINKED}, {"message_id": NO_LINKED}
    ),
}

DELETIONS: Mapping[str, Make] = {
    "a deletion": lambda there: of_deletion(get_deletion.handler, there.deletion),
    "a deletion's messages": lambda there: of_deletion(list_deletion_messages.handler, there.deletion),
    "restore": lambda there: of_deletion(restore_deletion.handler, there.deletion),
    "restore, their message of an own deletion": lambda there: of_batch(
        restore_deletion.handler, there.flagged, {"request_id": there.own}
    ),
    "execute": lambda there: of_deletion(execute_deletion.handler, there.plan),
}

CURSORS: Mapping[str, Make] = {
    "cursor: deletions": lambda there: of_cursors(
        list_deletions.handler, there.cursor, there.forged_cursor, 200
    ),
    "cursor: an own deletion's messages": lambda there: of_cursors(
        list_deletion_messages.handler, there.place, there.forged_place, 400, request_id=there.own
    ),
    "cursor: their deletion's messages": lambda there: Pair(
        list_deletion_messages.handler,
        {"query": f"cursor={there.place}", "path": {"request_id": there.deletion}},
        {"query": f"cursor={there.forged_place}", "path": {"request_id": NOBODYS}},
        404,
    ),
}

KEYS: Mapping[str, Make] = {
    "Idempotency-Key: accepted": lambda there: of_keys(there.used(), there.unused()),
    "Idempotency-Key: refused": lambda there: of_keys_anew(there.used(), there.unused(), 400),
}

OWN_KEYS: Mapping[str, Make] = {
    "an own key: the same request": lambda there: of_keys(there.used(KEY), there.unused()),
    "an own key: another request": lambda there: of_keys_anew(there.used(KEY), there.unused(), 422),
}
"""What was the own account's is told, as it should be: so it is seen that a difference would be."""
