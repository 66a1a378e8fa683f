"""The Access Manager: whether a request may delete history from its channels.

Deciding takes at most two reads of the table: the keyset, and the grants of an auth key. What was read is
cached for under a minute, so most requests need no read at all. The cache can admit, never refuse: a refusal
is always based on a fresh read. So what was granted or switched on works at once, and what was revoked or
switched off stops working within a minute.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from typing import Protocol

from expunge import timestamps
from expunge.cache import Cache
from expunge.deadline import Deadline
from expunge.errors import AccessDenied
from expunge.history import signatures
from expunge.history.tokens import Sealed, Token
from expunge.table import keys
from expunge.table.store import Store
from expunge.vocabulary import LONGEST_AUTH_KEY, SUB_KEY

_SUB_KEY = re.compile(SUB_KEY)
_MOST_SECONDS_OFF = 60
"""How far the `timestamp` of a signed request may be from now, earlier or later. PubNub's limit:
https://www.pubnub.com/docs/sdks/rest-api/delete-message-history."""

_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True, repr=False)
class Asked:
    """A request for deletion, with what it shows as permission.

    `path` is the last part of the decoded path, which names the channels, as it came.
    """

    sub_key: str
    channels: Sequence[str]
    path: str
    parameters: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Keyset:
    """An app's keys; whether they need permission (`access_manager`), and whether they may delete."""

    pub_key: str
    secret_key: str
    access_manager: bool
    delete_from_history: bool


@dataclass(frozen=True, slots=True)
class Grant:
    """An auth key may delete in a channel until this time (UTC, microseconds); for ever if it is None."""

    expires_at: str | None


_Place = tuple[str, str, str]
_keysets: Cache[str, Keyset] = Cache()
_grants: Cache[_Place, Grant] = Cache()


def require_delete(store: Store, asked: Asked, deadline: Deadline) -> None:
    """Return if the request may delete in every one of its channels. Raises AccessDenied, StoreError."""
    # A request that is judged twice has its signature and token checked again only if the keyset has changed:
    # each check takes time, and a caller who has shown nothing right so far is to cost no more of it.
    checks = _Checks(cache(partial(_signed, asked)), cache(partial(_sealed_token, asked)))
    if _refusal(_CachedRecords(), asked, checks) is None:
        return
    refusal = _refusal(_FreshRecords(store, deadline), asked, checks)
    if refusal is not None:
        raise refusal


def forget() -> None:
    """Empty the cache of keysets and grants."""
    _keysets.clear()
    _grants.clear()


class _Records(Protocol):
    def keyset(self, sub_key: str) -> Keyset | None:
        """Find a keyset."""

    def grants(self, sub_key: str, digest: str, channels: Sequence[str]) -> dict[str, Grant]:
        """Find the grants to delete in these channels, by channel; they may have expired.

        `digest` is the SHA-256 of the auth key that has them.
        """


class _CachedRecords:
    """What earlier requests have read in the last minute; anything may be missing."""

    def keyset(self, sub_key: str) -> Keyset | None:
        return _keysets.get(sub_key)

    def grants(self, sub_key: str, digest: str, channels: Sequence[str]) -> dict[str, Grant]:
        found = {channel: _grants.get((sub_key, digest, channel)) for channel in channels}
        return {channel: grant for channel, grant in found.items() if grant is not None}


class _FreshRecords:
    """What the table says now; it is put into the cache for later requests."""

    def __init__(self, store: Store, deadline: Deadline) -> None:
        self._store = store
        self._deadline = deadline

    def keyset(self, sub_key: str) -> Keyset | None:
        if _SUB_KEY.fullmatch(sub_key) is None:
            return None
        since = timestamps.now().timestamp()
        attributes = "pub_key, secret_key, access_manager, delete_from_history"
        item = self._store.get(keys.keyset(sub_key), keys.KEYSET, self._deadline, attributes)
        if item is None:
            return None
        keyset = Keyset(
            item["pub_key"]["S"],
            item["secret_key"]["S"],
            item["access_manager"]["BOOL"],
            item["delete_from_history"]["BOOL"],
        )
        _keysets.put(sub_key, keyset, since)
        return keyset

    def grants(self, sub_key: str, digest: str, channels: Sequence[str]) -> dict[str, Grant]:
        since = timestamps.now().timestamp()
        names = {keys.grant(digest, channel): channel for channel in channels}
        items = self._store.get_batch(
            [(keys.keyset(sub_key), sk) for sk in names],
            self._deadline,
            "sk, granted, expires_at, revoked_at",
        )
        found = {}
        for item in items:
            if {"S": "delete"} in item["granted"]["L"] and "revoked_at" not in item:
                channel = names[item["sk"]["S"]]
                found[channel] = Grant(item["expires_at"]["S"] if "expires_at" in item else None)
                _grants.put((sub_key, digest, channel), found[channel], since)
        return found


@dataclass(frozen=True, slots=True)
class _Checks:
    """The checks of a request's signature and token with a keyset, each made once for the same keyset."""

    signed: Callable[[Keyset], bool]
    token: Callable[[Keyset], Token | None]


def _refusal(records: _Records, asked: Asked, checks: _Checks) -> AccessDenied | None:
    """Say why the request is refused, judged by these records; None if it is not."""
    keyset = records.keyset(asked.sub_key)
    if keyset is None:
        return AccessDenied("Invalid Subscribe Key", _BAD_REQUEST)
    if not keyset.delete_from_history:
        return AccessDenied("Deleting from history is not enabled for this subscribe key")
    if not keyset.access_manager:
        return None
    if "signature" in asked.parameters:
        if not _timely(asked.parameters.get("timestamp", "")):
            return AccessDenied("Invalid Timestamp", _BAD_REQUEST)
        if checks.signed(keyset):
            return None
    return _refusal_by_auth(records, asked, checks.token(keyset))


def _timely(timestamp: str) -> bool:
    if re.fullmatch(r"[0-9]{1,12}", timestamp) is None:
        return False
    return abs(int(timestamps.now().timestamp()) - int(timestamp)) <= _MOST_SECONDS_OFF


def _signed(asked: Asked, keyset: Keyset) -> bool:
    signed = signatures.messages(keyset.pub_key, asked.sub_key, asked.path, asked.parameters, asked.body)
    return signatures.matches(asked.parameters["signature"], keyset.secret_key, signed)


def _sealed_token(asked: Asked, keyset: Keyset) -> Token | None:
    """The token that the request shows; None if it has none that the keyset's secret key has sealed."""
    sealed = Sealed.unwrap(asked.parameters.get("auth", ""))
    return sealed.open(keyset.secret_key) if sealed is not None else None


def _refusal_by_auth(records: _Records, asked: Asked, token: Token | None) -> AccessDenied | None:
    lacking: Sequence[str] = asked.channels
    auth = asked.parameters.get("auth", "")
    if token is not None:
        if token.expires_at <= timestamps.now().timestamp():
            return AccessDenied("Token is expired")
        lacking = token.lacking(asked.channels, asked.parameters.get("uuid"))
    elif 0 < len(auth) <= LONGEST_AUTH_KEY:
        lacking = _not_granted(records, asked, auth)
    return AccessDenied("Forbidden", channels=lacking) if lacking else None


def _not_granted(records: _Records, asked: Asked, auth_key: str) -> list[str]:
    digest = sha256(auth_key.encode()).hexdigest()
    now = timestamps.micros(timestamps.now())
    grants = records.grants(asked.sub_key, digest, asked.channels)
    good = {name for name, each in grants.items() if each.expires_at is None or each.expires_at > now}
    return [channel for channel in asked.channels if channel not in good]
