"""Every key of the table, in one place.

A message is two items in a partition of its own: ``MESSAGE`` (its metadata, under 1 KB) and ``CONTENT``
(its payload). They are apart because DynamoDB charges an update for the whole item. The key of every message
starts with its account, so tenants cannot meet, whatever ids they choose.

Two sparse indexes show only the items that have their keys:

- ``by_state`` (``state_pk``, ``state_sk``) shows a message either among the living of its endpoint and
  status, or in the bin, where it waits to be purged.
- ``by_group`` (``group_pk``, ``state_sk``) shows living webhook messages once more, for the other way in
  which they are looked for: pull events by their event type, inbound and outbound messages of all endpoints
  of an account together, so that an endpoint without any costs nothing.

API keys are in both: by their id, and by account.
"""

from typing import NamedTuple
from zlib import crc32

MESSAGE = "MESSAGE"
CONTENT = "CONTENT"

BY_STATE = "by_state"
BY_GROUP = "by_group"

BIN_SHARDS = 16
"""The bin is spread over so many partitions of ``by_state``, each of which takes 1,000 changes a second.

It may be raised; each further shard costs half a read unit for every look into the bin. Never lower it: what
lies in the shards that are left out would not be found. A simulation (benchmarks/scale.py) says that 16 are
enough: they take 16,000 purged messages a second, and AWS's default quota of a table, 40,000 write units a
second, is used up at 10,000.
"""

CHANNEL_SHARDS = 16
"""A channel's living messages are spread over so many partitions of ``by_state``.

Never change this: stored messages would not be found. A partition takes 1,000 changes a second, and deleting
a large channel makes more. Every request reads all of them, however few messages the channel has. In the same
simulation, a hundred million messages of a channel are deleted in two hours.
"""

ACCOUNT_SHARDS = 4
"""An account's living messages of one status are spread over so many partitions of ``by_group``, for the same
reason. Never change this either."""


def message(family: str, account_id: str, message_id: str) -> str:
    """Partition key of an inbound or outbound message (`family` INBOUND or OUTBOUND)."""
    return f"{family}#{account_id}#{message_id}"


def pull_event(account_id: str, endpoint_id: str, event_id: str) -> str:
    """Partition key of a pull event."""
    return f"PULL#{account_id}#{endpoint_id}#{event_id}"


def linked_message(account_id: str, message_id: str) -> str:
    """Partition key of a linked account's message. It is in no index while it lives: it is found by id."""
    return f"LINKED#{account_id}#{message_id}"


def channel_message(sub_key: str, channel: str, timetoken: str) -> str:
    """Partition key of a channel's message; the timetoken has 19 digits, as `timetokens.order` writes it.

    A channel's name may hold any character. Where it begins and ends is certain all the same: a sub key holds
    no ``#``, and the timetoken is always the last 19 digits.
    """
    return f"CHANNEL#{sub_key}#{channel}#{timetoken}"


def sub_key(pk: str) -> str | None:
    """The sub key in a message's partition key; None if it is not a channel's message."""
    family, _, rest = pk.partition("#")
    return rest.partition("#")[0] if family == "CHANNEL" else None


def live_channel(sub_key: str, channel: str, shard: int) -> str:
    """``state_pk`` of a part of a channel's living messages; ``state_sk`` is the timetoken, 19 digits."""
    return f"LIVE#CHANNEL#{sub_key}#{channel}#{shard:02d}"


def channel_shard(timetoken: str) -> int:
    """Which part of its channel a message is in, by the 19 digits of its timetoken."""
    return crc32(timetoken.encode()) % CHANNEL_SHARDS


def live(family: str, account_id: str, endpoint_id: str, status: str) -> str:
    """``state_pk`` of the living messages of one endpoint and status (`family` INBOUND, OUTBOUND or PULL)."""
    return f"LIVE#{family}#{account_id}#{endpoint_id}#{status}"


def live_of_account(family: str, account_id: str, status: str, shard: int) -> str:
    """``group_pk`` of a part of an account's living messages of one status, whatever their endpoint."""
    return f"LIVE#{family}#{account_id}#{status}#{shard}"


def account_shard(message_id: str) -> int:
    """Which part of its account's living messages a message is in."""
    return crc32(message_id.encode()) % ACCOUNT_SHARDS


def live_of_type(live: str, event_type: str) -> str:
    """``group_pk`` of the living pull events of one endpoint and status (`live`) and one event type."""
    return f"{live}#{event_type}"


def live_order(received_at: str, message_id: str) -> str:
    """``state_sk`` of a living webhook message. A fixed-width time comes first: a range is a time window."""
    return f"{received_at}#{message_id}"


class Identity(NamedTuple):
    """Which message a partition key is of; `owner` is an account or, if there is a `channel`, a sub key."""

    family: str
    owner: str
    id: str
    channel: str | None = None


def identity(pk: str) -> Identity:
    """Read a message's partition key; the id of a channel's message is its timetoken. Raises ValueError."""
    family, owner, rest = pk.split("#", 2)
    where, _, last = rest.rpartition("#")
    match family:
        case "INBOUND" | "OUTBOUND" | "LINKED" if last and not where:
            return Identity(family.lower(), owner, last)
        case "PULL" if last and where and "#" not in where:
            return Identity("pull", owner, last)
        case "CHANNEL" if where:
            return Identity("channel", owner, str(int(last)), where)
    raise ValueError("no message's key")


def message_id(pk: str) -> str:
    """The id at the end of an inbound message's or a pull event's partition key."""
    return pk.rpartition("#")[2]


_BIN = "BIN#"
_PARKED = "HELD#"


def family_and_owner(pk: str) -> tuple[str, str]:
    """A message's family, such as ``inbound``, and its account or sub key, from its partition key."""
    family, owner, _ = pk.split("#", 2)
    return family.lower(), owner


def bin_shard(pk: str) -> str:
    """``state_pk`` of a deleted message, whatever its family."""
    return _bin_of(crc32(pk.encode()) % BIN_SHARDS)


def bin_shards() -> list[str]:
    """Every ``state_pk`` of deleted messages."""
    return [_bin_of(shard) for shard in range(BIN_SHARDS)]


def _bin_of(shard: int) -> str:
    return f"{_BIN}{shard:02d}"


def bin_order(purge_at: str, pk: str) -> str:
    """``state_sk`` of a deleted message: what is due first comes first."""
    return f"{purge_at}#{pk}"


def purge_at(bin_order: str) -> str:
    """When a deleted message is due, from its ``state_sk``."""
    return bin_order.partition("#")[0]


def bin_of_keyset(purge_at: str, sub_key: str) -> tuple[str, str]:
    """First and last ``state_sk`` of a keyset's deleted messages that are due at exactly that time."""
    place = bin_order(purge_at, f"CHANNEL#{sub_key}")
    return f"{place}#", f"{place}$"  # sorts after # and before all that a sub key may hold


def parked(bin_shard: str) -> str:
    """``state_pk`` of what is due but under a hold, from its partition in the bin; ``state_sk`` is the same.

    It waits apart from the bin, so that not every run of the purge comes upon it again.
    """
    return f"{_PARKED}{bin_shard.removeprefix(_BIN)}"


def parked_shards() -> list[str]:
    """Every ``state_pk`` of what is due but under a hold."""
    return [parked(shard) for shard in bin_shards()]


def due(now: str) -> str:
    """Last ``state_sk`` of what is due at that time; it must be written like ``purge_at``, in fixed width."""
    return f"{now}$"  # sorts after # and before all digits


def account(account_id: str) -> str:
    """Partition of what an account owns: its endpoints and linked accounts."""
    return f"ACCOUNT#{account_id}"


INBOUND_ENDPOINT = "INBOUND_ENDPOINT#"
PULL_ENDPOINT = "PULL_ENDPOINT#"
OUTBOUND_ENDPOINT = "OUTBOUND_ENDPOINT#"
LINKED_ACCOUNT = "LINKED_ACCOUNT#"

API_KEY = "API_KEY"


API_KEYS = "API_KEYS"
"""``state_pk`` of all API keys; their ``state_sk`` is the key's id."""


def account_keys(account_id: str) -> str:
    """``group_pk`` of an account's API keys, in the same order."""
    return f"{API_KEYS}#{account_id}"


def api_key(sha256: str) -> str:
    """Partition key of an API key; the table knows only its digest."""
    return f"API_KEY#{sha256}"


KEYSET = "KEYSET"
GRANT = "GRANT#"


def keyset(sub_key: str) -> str:
    """Partition of a keyset and of what is granted to auth keys on it."""
    return f"KEYSET#{sub_key}"


def grant(sha256: str, channel: str) -> str:
    """Sort key of what an auth key may do in a channel; the table knows only the key's digest."""
    return f"{GRANT}{sha256}#{channel}"


SWEEP_SHARDS = 4
"""The list of all unfinished background deletions spreads over this many partitions of ``by_state``."""


SWEEP = "SWEEP#"


def sweeps(sub_key: str) -> str:
    """Partition of a keyset's unfinished background deletions, oldest first."""
    return SWEEP + sub_key


def sweep_shard(sub_key: str) -> str:
    """``state_pk`` of an unfinished background deletion; its ``state_sk`` is its sort key."""
    return _sweep_shard(crc32(sub_key.encode()) % SWEEP_SHARDS)


def sweep_shards() -> list[str]:
    """Every ``state_pk`` of unfinished background deletions, whatever their keyset."""
    return [_sweep_shard(shard) for shard in range(SWEEP_SHARDS)]


def _sweep_shard(shard: int) -> str:
    return f"SWEEPS#{shard:02d}"


LEASE = "LEASE"
"""Partition of the leases that keep several runs from doing the same work at once; the sort key names it."""

PURGE = "PURGE"
"""Sort key of the lease that a run of the purge holds."""

PAUSE = "PURGE_PAUSE"
"""Sort key of the item that says whether the purge is paused; it is beside the purge's lease."""

PURGE_RUN = "PURGE_RUN"
"""Partition of the records of the purge's runs; the sort key begins with the time of their start."""

WORK = "WORK"
"""Sort key, beside the leases, of what is noted about work that is spread over several functions."""


DELETION = "DELETION"


def deletion(account_id: str, request_id: str) -> str:
    """Partition key of a deletion's record."""
    return f"DELETION#{account_id}#{request_id}"


def deletions(account_id: str) -> str:
    """``state_pk`` of an account's deletions; ``state_sk`` is deletion_order, so that the newest are last."""
    return f"DELETIONS#{account_id}"


def deletions_of_family(account_id: str, family: str) -> str:
    """``group_pk`` of an account's deletions of one family."""
    return f"DELETIONS#{account_id}#{family}"


def deletion_order(requested_at: str, request_id: str) -> str:
    """``state_sk`` of a deletion; no two are the same."""
    return f"{requested_at}#{request_id}"


def channel_deletions(sub_key: str) -> str:
    """What stands for the account in the keys of a keyset's deletions. No account id holds a ``#``."""
    return f"CHANNEL#{sub_key}"


def sub_key_of_deletions(owner: str) -> str | None:
    """The sub key in what `channel_deletions` has made; None if `owner` is an account."""
    _, _, sub_key = owner.partition("CHANNEL#")
    return sub_key or None


def channel_deletion(request_id: str) -> str:
    """``group_pk`` of the deletion of channel history with that id, whatever its keyset."""
    return f"DELETIONS#CHANNEL##{request_id}"


IDEMPOTENCY = "IDEMPOTENCY"


def idempotency(account_id: str, sha256: str) -> str:
    """Partition key of what is known of an idempotency key; the table knows only its digest."""
    return f"IDEMPOTENCY#{account_id}#{sha256}"


HOLD = "HOLD"
"""Partition of all holds that were ever placed; the sort key is the id, by which the newest are last."""

IN_FORCE = "HELD"
"""Partition of what is held now, under sort keys that tell what: the purge reads it as a whole, and whoever
wants to know about one message reads the few items that can cover it."""

HOLDS_STATE = "#"
"""Sort key of what the purge notes about holds; it comes first in their partition."""


ENDPOINT = "ENDPOINT"
MESSAGE_OF = "MESSAGE_OF"
"""How the sort keys of holds on an endpoint, and on a message of an endpoint, begin."""


def held_account(account_id: str) -> str:
    """Sort key of holds on all that an account has. No id in these keys but an endpoint's may hold a #."""
    return f"ACCOUNT#{account_id}"


def held_endpoint(account_id: str, endpoint_id: str) -> str:
    """Sort key of holds on the messages of an endpoint or a linked account."""
    return f"{ENDPOINT}#{account_id}#{endpoint_id}"


def held_message(account_id: str, message_id: str) -> str:
    """Sort key of holds on the messages of an account that have that id."""
    return f"MESSAGE#{account_id}#{message_id}"


def held_message_of(account_id: str, endpoint_id: str, message_id: str) -> str:
    """Sort key of holds on the message of an endpoint that has that id."""
    return f"{MESSAGE_OF}#{account_id}#{endpoint_id}#{message_id}"


def held_keyset(sub_key: str) -> str:
    """Sort key of holds on all channels of a keyset."""
    return f"KEYSET#{sub_key}"


def held_channel(sub_key: str, channel: str) -> str:
    """Sort key of holds on a channel."""
    return f"CHANNEL#{sub_key}#{channel}"


def held_timetoken(sub_key: str, channel: str, timetoken: str) -> str:
    """Sort key of holds on one message of a channel; the timetoken has 19 digits."""
    return f"TIMETOKEN#{sub_key}#{channel}#{timetoken}"
