"""API keys: who calls, and what they may do.

The table knows a key only by its SHA-256, so neither a look at the table nor the time of a look-up gives
one away. A key that was found good is remembered for under a minute: a warm call needs no round trip, and a
revoked key stops working within 60 s. What was not found is never remembered.
"""

from dataclasses import dataclass
from hashlib import sha256

from expunge import timestamps
from expunge.cache import Cache
from expunge.deadline import Deadline
from expunge.table import keys
from expunge.table.store import Store
from expunge.vocabulary import LONGEST_KEY


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
        keys.api_key(digest), keys.API_KEY, deadline, "account_id, key_id, scopes, expires_at, revoked_at"
    )
    if item is None or "revoked_at" in item:
        return None
    scopes = frozenset(scope["S"] for scope in item["scopes"]["L"]) if "scopes" in item else None
    expires_at = item["expires_at"]["S"] if "expires_at" in item else None
    known = ApiKey(item["key_id"]["S"], item["account_id"]["S"], scopes, expires_at)
    _good.put(digest, known, since)
    return known


def forget() -> None:
    """Empty the memory of good keys."""
    _good.clear()
