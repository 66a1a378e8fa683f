"""API keys: who calls, and what they may do.

The table knows a key only by its SHA-256, so neither a look at the table nor the time of a look-up gives
one away. A key that was found good is remembered for under a minute: a warm call needs no round trip, and a
revoked key stops working within 60 s. What was not found is never remembered.

The table also knows the day on which a key was last used: that is one small write a key and day.
"""

from dataclasses import dataclass
from hashlib import sha256
from threading import Thread

from expunge import timestamps
from expunge.cache import Cache
from expunge.deadline import Deadline
from expunge.table import keys
from expunge.table.store import Store, key
from expunge.telemetry import logger
from expunge.vocabulary import LONGEST_KEY

_LONGEST_WAIT = 0.2
"""Seconds; it takes a few milliseconds."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that is neither unknown nor revoked; `scopes` None means all of them."""

    key_id: str
    account_id: str
    scopes: frozenset[str] | None
    expires_at: str | None

    def expired(self) -> bool:
        """Whether its time is over now."""
        return self.expires_at is not None and self.expires_at <= timestamps.micros(timestamps.now())

    def allows(self, scope: str) -> bool:
        """Whether it was given that scope."""
        return self.scopes is None or scope in self.scopes


_good: Cache[str, ApiKey] = Cache()


def find(store: Store, presented: str, deadline: Deadline) -> ApiKey | None:
    """Look a key up; None if it is unknown or revoked. Raises StoreError."""
    if not 0 < len(presented) <= LONGEST_KEY:
        return None
    digest = sha256(presented.encode(errors="surrogatepass")).hexdigest()
    known = _good.get(digest)
    if known is not None:
        return known
    since = timestamps.now().timestamp()
    item = store.get(
        keys.api_key(digest),
        keys.API_KEY,
        deadline,
        "account_id, key_id, scopes, expires_at, revoked_at, last_used_on",
    )
    if item is None or "revoked_at" in item:
        return None
    scopes = frozenset(scope["S"] for scope in item["scopes"]["L"]) if "scopes" in item else None
    expires_at = item["expires_at"]["S"] if "expires_at" in item else None
    known = ApiKey(item["key_id"]["S"], item["account_id"]["S"], scopes, expires_at)
    _good.put(digest, known, since)
    today = timestamps.millis(timestamps.now())[:10]
    if item.get("last_used_on", {"S": ""})["S"] < today and not known.expired():
        _note_use(store, digest, today)
    return known


def _note_use(store: Store, digest: str, today: str) -> None:
    """Write the day to the key, without a request's ever failing by it or waiting long for it."""

    def write() -> None:
        try:
            # Once: whoever reads the key next sees that it is not noted, and tries again.
            store.client.update_item(
                TableName=store.table,
                Key=key(keys.api_key(digest), keys.API_KEY),
                UpdateExpression="SET last_used_on = :today",
                ConditionExpression=(
                    "attribute_exists(pk) AND (attribute_not_exists(last_used_on) OR last_used_on < :today)"
                ),
                ExpressionAttributeValues={":today": {"S": today}},
            )
        except store.client.exceptions.ConditionalCheckFailedException:
            pass  # another function was quicker
        except Exception as error:
            logger.warning("The day of an API key's use was not noted", extra={"error": type(error).__name__})

    # While this thread waits, the other one has its connection: a new one would take longer than the write.
    thread = Thread(target=write, daemon=True)
    thread.start()
    thread.join(_LONGEST_WAIT)


def forget() -> None:
    """Empty the memory of good keys."""
    _good.clear()
