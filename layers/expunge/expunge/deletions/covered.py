"""What a hold is on: checks what an operator names, and gives the keys by which a removal finds it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from expunge import timetokens
from expunge.errors import NotHoldable
from expunge.table import keys
from expunge.vocabulary import ACCOUNT_ID, LONGEST_CHANNEL, LONGEST_KEY, MESSAGE_ID, SUB_KEY, UUID

MOST_MESSAGES: Final = 90
"""Messages in one hold: it is placed in one transaction, which takes 100 items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """What a hold is on: a whole account, a whole sub key, or something in one of these.

    `messages` are ids in an account, or CHANNEL:TIMETOKEN in a sub key. `endpoint_id` is an endpoint of any
    family, or a linked account.
    """

    account_id: str | None = None
    endpoint_id: str | None = None
    sub_key: str | None = None
    channel: str | None = None
    messages: Sequence[str] = ()

    def checked(self) -> "Covered":
        """Give it in the form in which it is stored. Raises NotHoldable, which says what is wrong."""
        if (self.account_id is None) == (self.sub_key is None):
            raise NotHoldable("a hold is on an account or on a sub key: name one of them")
        if len(self.messages) > MOST_MESSAGES:
            raise NotHoldable(f"a hold covers at most {MOST_MESSAGES} single messages: place several")
        return self._of_account(self.account_id) if self.account_id is not None else self._of_keyset()

    def _of_account(self, account_id: str) -> "Covered":
        if self.channel is not None:
            raise NotHoldable("a channel belongs to a sub key, not to an account")
        _check("account", account_id, ACCOUNT_ID, "1 to 64 letters, digits, _ or -")
        endpoint_id = self.endpoint_id
        if endpoint_id is not None:
            _check("endpoint", endpoint_id, f"[!-~]{{1,{LONGEST_KEY}}}", "a UUID or a linked account's id")
            endpoint_id = _lowered(endpoint_id)
        for each in self.messages:
            _check("message", each, f"{UUID}|{MESSAGE_ID}", "a UUID, or msg_ and 26 characters of base32")
        messages = tuple(dict.fromkeys(map(_lowered, self.messages)))
        return Covered(account_id=account_id, endpoint_id=endpoint_id, messages=messages)

    def _of_keyset(self) -> "Covered":
        if self.endpoint_id is not None:
            raise NotHoldable("an endpoint belongs to an account, not to a sub key")
        _check("sub key", self.sub_key or "", SUB_KEY, "1 to 128 letters, digits, _ or -")
        if self.channel is not None:
            _check_channel(self.channel)
        messages = []
        for each in self.messages:
            channel, timetoken = parted(each)
            if self.channel not in (None, channel):
                raise NotHoldable(f"message {each!r} is not in the channel {self.channel!r}")
            messages.append(f"{channel}:{timetoken}")
        found = tuple(dict.fromkeys(messages))
        return Covered(sub_key=self.sub_key, channel=self.channel, messages=found)

    def places(self) -> list[str]:
        """Sort keys of the items that say that these things are held: a removal looks for them."""
        if self.account_id is not None:
            if self.endpoint_id is not None:
                of = [keys.held_message_of(self.account_id, self.endpoint_id, each) for each in self.messages]
                return of or [keys.held_endpoint(self.account_id, self.endpoint_id)]
            ids = [keys.held_message(self.account_id, each) for each in self.messages]
            return ids or [keys.held_account(self.account_id)]
        sub_key = self.sub_key or ""
        timed = [(channel, timetokens.order(timetoken)) for channel, timetoken in map(parted, self.messages)]
        if timed:
            return [keys.held_timetoken(sub_key, *each) for each in timed]
        return [
            keys.held_keyset(sub_key) if self.channel is None else keys.held_channel(sub_key, self.channel)
        ]

    def told(self) -> dict[str, Any]:
        """What commands print of it: the names that have a value."""
        names = ("account_id", "endpoint_id", "sub_key", "channel")
        told: dict[str, Any] = {name: value for name in names if (value := getattr(self, name)) is not None}
        return told | ({"messages": list(self.messages)} if self.messages else {})


def _check(what: str, text: str, pattern: str, shape: str) -> None:
    if re.fullmatch(pattern, text) is None:
        raise NotHoldable(f"{what} {text!r} must be {shape}")


def _check_channel(channel: str) -> None:
    if not 1 <= len(channel) <= LONGEST_CHANNEL or "," in channel or not channel.strip():
        raise NotHoldable(f"channel {channel!r} must be 1 to {LONGEST_CHANNEL} characters without a comma")


def _lowered(text: str) -> str:
    return text.lower() if re.fullmatch(UUID, text) else text


def parted(message: str) -> tuple[str, int]:
    """Channel and timetoken; a channel's name may hold colons."""
    channel, _, timetoken = message.rpartition(":")
    try:
        number = timetokens.parse(timetoken)
    except ValueError:
        number = -1
    if not channel or number < 0:
        raise NotHoldable(f"message {message!r} must be CHANNEL:TIMETOKEN")
    _check_channel(channel)
    return channel, number
