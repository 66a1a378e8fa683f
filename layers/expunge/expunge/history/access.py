"""The Access Manager: whether a request may delete history from its channels.

Deciding takes at most two reads: the keyset, and the grants of an auth key. What was read is remembered for
under a minute: a warm call takes none, and a grant that was revoked or a keyset that was switched off stops
working within 60 s. What is remembered only ever admits: before a request is refused, the table is asked.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from expunge import timestamps
from expunge.cache import Cache
from expunge.deadline import Deadline
from expunge.errors import AccessDenied
from expunge.history import signatures
from expunge.history.tokens import Sealed
from expunge.table import keys
from expunge.table.store import Store
from expunge.vocabulary import LONGEST_AUTH_KEY, SUB_KEY

_SUB_KEY = re.compile(SUB_KEY)
_MOST_SECONDS_OFF = 60
_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True, repr=False)
class Asked:
    """What a request asks for and shows for it; channels, query and body also as they arrived."""

    sub_key: str
    channels: Sequence[str]
    raw_channels: str
    raw_query: str
    body: bytes
    uuid: str | None
    auth: str | None
    signature: str | None
    timestamp: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Keyset:
    """An app's keys and what is switched on for them."""

    pub_key: str
    secret_key: str
    access_manager: bool
    delete_from_history: bool


@dataclass(frozen=True, slots=True)
class Grant:
    """An auth key may delete in a channel, until then (None: for ever)."""

    expires_at: str | None


_Place = tuple[str, str, str]
_keysets: Cache[str, Keyset] = Cache()
_grants: Cache[_Place, Grant] = Cache()


def require_delete(store: Store, asked: Asked, deadline: Deadline) -> None:
    """Return if the request may delete in every one of its channels. Raises AccessDenied, StoreError."""
    if _refusal(_Remembered(), asked) is None:
        return
    refusal = _refusal(_Read(store, deadline), asked)
    if refusal is not None:
        raise refusal


def forget() -> None:
    """Empty the memory of keysets and grants."""
    _keysets.clear()
    _grants.clear()


class _Records(Protocol):
    def keyset(self, sub_key: str) -> Keyset | None:
        """Find a keyset."""

    def grants(self, sub_key: str, digest: str, channels: Sequence[str]) -> dict[str, Grant]:
        """Find those of the channels in which that auth key may delete, expired or not."""


class _Remembered:
    """What earlier requests have read."""

    def keyset(self, sub_key: str) -> Keyset | None:
        return _keysets.get(sub_key)

    def grants(self, sub_key: str, digest: str, channels: Sequence[str]) -> dict[str, Grant]:
        found = {channel: _grants.get((sub_key, digest, channel)) for channel in channels}
        return {channel: grant for channel, grant in found.items() if grant is not None}


class _Read:
    """What the table says, noted for later requests."""

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


def _refusal(records: _Records, asked: Asked) -> AccessDenied | None:
    keyset = records.keyset(asked.sub_key)
    if keyset is None:
        return AccessDenied("Invalid Subscribe Key", _BAD_REQUEST)
    if not keyset.delete_from_history:
        return AccessDenied("Deleting from history is not enabled for this subscribe key")
    if not keyset.access_manager:
        return None
    if asked.signature is not None:
        if not _timely(asked.timestamp):
            return AccessDenied("Invalid Timestamp", _BAD_REQUEST)
        if _signed(keyset, asked, asked.signature):
            return None
    return _refusal_by_auth(records, keyset, asked)


def _timely(timestamp: str | None) -> bool:
    if timestamp is None or re.fullmatch(r"[0-9]{1,12}", timestamp) is None:
        return False
    return abs(int(timestamps.now().timestamp()) - int(timestamp)) <= _MOST_SECONDS_OFF


def _signed(keyset: Keyset, asked: Asked, given: str) -> bool:
    signed = signatures.messages(
        keyset.pub_key, asked.sub_key, asked.raw_channels, asked.raw_query, asked.body
    )
    return signatures.matches(given, keyset.secret_key, signed)


def _refusal_by_auth(records: _Records, keyset: Keyset, asked: Asked) -> AccessDenied | None:
    lacking: Sequence[str] = asked.channels
    sealed = Sealed.unwrap(asked.auth or "")
    if sealed is not None:
        token = sealed.open(keyset.secret_key)
        if token is not None:
            if token.expires_at <= timestamps.now().timestamp():
                return AccessDenied("Token is expired")
            lacking = token.lacking(asked.channels, asked.uuid)
    elif asked.auth is not None and 0 < len(asked.auth) <= LONGEST_AUTH_KEY:
        lacking = _not_granted(records, asked, asked.auth)
    return AccessDenied("Forbidden", channels=lacking) if lacking else None


def _not_granted(records: _Records, asked: Asked, auth_key: str) -> list[str]:
    digest = sha256(auth_key.encode(errors="surrogatepass")).hexdigest()
    now = timestamps.micros(timestamps.now())
    grants = records.grants(asked.sub_key, digest, asked.channels)
    good = {name for name, each in grants.items() if each.expires_at is None or each.expires_at > now}
    return [channel for channel in asked.channels if channel not in good]
