"""The three families of HookBridge's messages, and in what they differ from each other.

https://docs.hookbridge.io/ describes them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from expunge.table import keys
from expunge.table.search import Partition


@dataclass(frozen=True, slots=True)
class Family:
    """One family: what its messages are called, where they lie, how they are looked for."""

    name: str
    """In scopes, metrics and records, such as inbound."""
    key: str
    """In keys of the table, such as INBOUND."""
    noun: str
    """What the API calls one of them: message or event."""
    endpoint_kind: str
    """Sort key, up to the id, of the endpoints that they belong to."""
    by_endpoint: bool
    """Whether an id means something only together with that of the endpoint."""

    @property
    def scope(self) -> str:
        """What an API key must be allowed."""
        return f"{self.name}:delete"

    def pk(self, account_id: str, message_id: str, endpoint_id: str | None = None) -> str:
        """Partition key of a message; the endpoint is asked for where it is a part of the key."""
        if self.by_endpoint:
            return keys.pull_event(account_id, endpoint_id or "", message_id)
        return keys.message(self.key, account_id, message_id)

    def partitions(
        self, account_id: str, statuses: Iterable[str], endpoint_id: str | None, event_type: str | None
    ) -> list[Partition]:
        """Where the living messages are that match: one place a status, several for a whole account."""
        if endpoint_id is None:
            return [
                Partition(keys.BY_GROUP, keys.live_of_account(self.key, account_id, status, shard))
                for status in statuses
                for shard in range(keys.ACCOUNT_SHARDS)
            ]
        live = [keys.live(self.key, account_id, endpoint_id, status) for status in statuses]
        if event_type is None:
            return [Partition(keys.BY_STATE, pk) for pk in live]
        return [Partition(keys.BY_GROUP, keys.live_of_type(pk, event_type)) for pk in live]


INBOUND = Family("inbound", "INBOUND", "message", keys.INBOUND_ENDPOINT, by_endpoint=False)
PULL = Family("pull", "PULL", "event", keys.PULL_ENDPOINT, by_endpoint=True)
OUTBOUND = Family("outbound", "OUTBOUND", "message", keys.OUTBOUND_ENDPOINT, by_endpoint=False)

FAMILIES = {family.name: family for family in (INBOUND, PULL, OUTBOUND)}
"""By their names."""
