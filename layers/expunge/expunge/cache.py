"""A small cache for what a warm function need not read again."""

from collections.abc import Hashable
from datetime import timedelta
from typing import Generic, TypeVar

from expunge import timestamps

# Under the minute within which a revoked key must stop working.
_LIFETIME = timedelta(seconds=50)
_MOST = 1000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Holds up to 1,000 answers, each for 50 s of the wall clock, which goes on while Lambda freezes us."""

    def __init__(self) -> None:
        self._held: dict[K, tuple[V, float]] = {}

    def get(self, key: K) -> V | None:
        """Return what was put, if it is fresh."""
        held = self._held.get(key)
        if held is None:
            return None
        value, since = held
        age = timestamps.now().timestamp() - since
        return value if 0 <= age < _LIFETIME.total_seconds() else None

    def put(self, key: K, value: V, since: float) -> None:
        """Hold a value that was read at `since` (seconds since the epoch)."""
        if len(self._held) >= _MOST:
            self._held.clear()
        self._held[key] = (value, since)

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
