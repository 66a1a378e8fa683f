"""What is held now: neither purged nor erased until the hold is released.

Whoever is about to remove something asks here. What was read is used for 30 s at most, and an attempt to
write that was sent by then has come to its end half a minute later, so that a hold is in force everywhere a
minute after it was placed. The clock decides, not the time that a run of the purge takes for its own.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.table import keys
from expunge.table.store import Item, Store

USABLE = timedelta(seconds=30)
"""Nothing is sent that was decided by holds that were read longer ago."""

_FRESH = timedelta(seconds=20)


@dataclass(frozen=True)
class Holds:
    """The holds that were in force at `read_at`; `state` is what the purge has noted about holds.

    `endpoints` are the held endpoints of each account, and `of_endpoints` those of which a message is held,
    by account and id of the message.
    """

    read_at: datetime
    places: frozenset[str] = frozenset()
    endpoints: Mapping[str, frozenset[str]] = field(default_factory=dict)
    of_endpoints: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    state: Item | None = None

    @classmethod
    def read(cls, store: Store, deadline: Deadline) -> "Holds":
        """Read them, in one query unless there are thousands. Raises StoreError."""
        read_at = timestamps.now()
        places, state = set(), None
        for item in store.query_all(
            deadline,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": keys.IN_FORCE}},
        ):
            if item["sk"]["S"] == keys.HOLDS_STATE:
                state = item
            elif in_force(item):
                places.add(item["sk"]["S"])
        return cls.of(places, read_at, state)

    @classmethod
    def of(cls, places: set[str], read_at: datetime, state: Item | None = None) -> "Holds":
        """Sort the places that are held by how they are asked for."""
        endpoints: dict[str, set[str]] = defaultdict(set)
        of_endpoints: dict[tuple[str, str], set[str]] = defaultdict(set)
        for place in places:
            kind, _, rest = place.partition("#")
            account_id, _, rest = rest.partition("#")
            if kind == keys.ENDPOINT:
                endpoints[account_id].add(rest)
            elif kind == keys.MESSAGE_OF:
                endpoint_id, _, message_id = rest.rpartition("#")
                of_endpoints[account_id, message_id].add(endpoint_id)
        return cls(
            read_at,
            frozenset(places),
            {account_id: frozenset(each) for account_id, each in endpoints.items()},
            {message: frozenset(each) for message, each in of_endpoints.items()},
            state,
        )

    @property
    def usable(self) -> bool:
        """Whether something may still be sent that was decided by them."""
        return timedelta(0) <= timestamps.now() - self.read_at < USABLE

    @property
    def fresh(self) -> bool:
        """Whether they were read recently enough to decide by."""
        return timedelta(0) <= timestamps.now() - self.read_at < _FRESH

    def covers(self, pk: str) -> bool:
        """Whether the message with that partition key is held, as far as the key tells.

        The key of an inbound, outbound or linked message does not name its endpoint. Such a message is also
        held if its endpoint is among `endpoints_of` the key.
        """
        return bool(self.places) and not self.places.isdisjoint(places_of(pk))

    def endpoints_of(self, pk: str) -> frozenset[str]:
        """The held endpoints, or linked accounts, to which the message with that key may belong."""
        if not self.endpoints and not self.of_endpoints:
            return frozenset()
        family, account_id, rest = _parts(pk)
        if family in ("CHANNEL", "PULL"):
            return frozenset()
        none: frozenset[str] = frozenset()
        return self.endpoints.get(account_id, none) | self.of_endpoints.get(
            (account_id, rest.rpartition("#")[2]), none
        )

    def cover_row(self, row: Item) -> bool:
        """Whether a message is held, by its row with `pk`, `endpoint_id` and `linked_account_id`."""
        pk = row["pk"]["S"]
        return self.covers(pk) or bool(_endpoints(row) & self.endpoints_of(pk))

    def among(self, store: Store, pks: Sequence[str], deadline: Deadline) -> set[str]:
        """Those of up to 100 messages that are held, by their keys, each given once. Raises StoreError.

        Rows are read only of accounts that have a hold on an endpoint.
        """
        held = {pk for pk in pks if self.covers(pk)}
        unsure = [pk for pk in pks if pk not in held and self.endpoints_of(pk)]
        if unsure:
            places = [(pk, keys.MESSAGE) for pk in unsure]
            rows = store.get_batch(places, deadline, "pk, endpoint_id, linked_account_id")
            held |= {row["pk"]["S"] for row in rows if self.cover_row(row)}
        return held


def _endpoints(row: Item) -> set[str]:
    return {row[name]["S"] for name in ("endpoint_id", "linked_account_id") if name in row}


def in_force(item: Item) -> bool:
    """Whether an item of what is held has a hold that is not released."""
    return "holds" in item


def places_of(pk: str, endpoint_id: str | None = None) -> Sequence[str]:
    """Sort keys under which holds on the message with that partition key are; with those on its endpoint."""
    family, owner, rest = _parts(pk)
    before, _, message_id = rest.rpartition("#")
    if family == "CHANNEL":
        return (
            keys.held_keyset(owner),
            keys.held_channel(owner, before),
            keys.held_timetoken(owner, before, message_id),
        )
    if family == "PULL":
        endpoint_id = rest.partition("#")[0]
    places = [keys.held_account(owner), keys.held_message(owner, message_id)]
    if endpoint_id is not None:
        places.append(keys.held_endpoint(owner, endpoint_id))
        places.append(keys.held_message_of(owner, endpoint_id, message_id))
    return places


def _parts(pk: str) -> tuple[str, str, str]:
    """Family, account or sub key, and what follows in a message's partition key; empty for what is none."""
    family, _, rest = pk.partition("#")
    owner, _, rest = rest.partition("#")
    return family, owner, rest


class InForce:
    """The holds, shared by all threads of a run: read again when somebody asks and they are not fresh."""

    def __init__(self, store: Store, deadline: Deadline) -> None:
        self._store = store
        self._deadline = deadline
        self._lock = Lock()
        self._holds: Holds | None = None

    def now(self) -> Holds:
        """Give the holds to decide by. Raises StoreError: who cannot know them must not remove anything."""
        with self._lock:
            if self._holds is None or not self._holds.fresh:
                self._holds = Holds.read(self._store, self._deadline)
            return self._holds
