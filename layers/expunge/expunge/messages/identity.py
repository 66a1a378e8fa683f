"""Which message is meant: the fields that name one, and its partition key."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from expunge import timetokens
from expunge.table import keys
from expunge.vocabulary import ACCOUNT_ID, LONGEST_CHANNEL, LONGEST_KEY, MESSAGE_ID, SUB_KEY, UUID


class Identity(NamedTuple):
    """The fields by which a kind of message is known, in the order in which its key has them."""

    fields: tuple[str, ...]
    pk: Callable[..., str]


def _webhook(family: str) -> Callable[[str, str], str]:
    return lambda account_id, message_id: keys.message(family, account_id, message_id.lower())


def _event(account_id: str, endpoint_id: str, event_id: str) -> str:
    return keys.pull_event(account_id, endpoint_id.lower(), event_id.lower())


def _published(sub_key: str, channel: str, timetoken: str) -> str:
    return keys.channel_message(sub_key, channel, timetokens.order(timetokens.parse(timetoken)))


IDENTITY: Final[Mapping[str, Identity]] = {
    "inbound_message": Identity(("account_id", "id"), _webhook("INBOUND")),
    "outbound_message": Identity(("account_id", "id"), _webhook("OUTBOUND")),
    "pull_event": Identity(("account_id", "pull_endpoint_id", "id"), _event),
    "linked_message": Identity(("account_id", "id"), keys.linked_message),
    "channel_message": Identity(("sub_key", "channel", "timetoken"), _published),
}

_RULES: Final[Mapping[str, tuple[str, str]]] = {
    "account_id": (ACCOUNT_ID, "1 to 64 letters, digits, _ or -"),
    "sub_key": (SUB_KEY, "1 to 128 letters, digits, _ or -"),
    "pull_endpoint_id": (UUID, "a UUID"),
    "channel": (f"[^,]{{1,{LONGEST_CHANNEL}}}", f"1 to {LONGEST_CHANNEL} characters without a comma"),
    **dict.fromkeys(("timetoken", "start", "end"), (r"[0-9]{1,19}", "a string of 1 to 19 digits")),
    "request_id": (f"[!-~]{{1,{LONGEST_KEY}}}", "the id of a request, such as req_QW1hem9uQVBJPQ"),
}


def partition_key(kind: str, given: Mapping[str, Any]) -> str:
    """The partition key of the message that is meant. Raises ValueError, which says what is wrong."""
    identity = IDENTITY[known(kind)]
    if set(given) != set(identity.fields):
        raise ValueError(f"{kind} is named by {', '.join(identity.fields)}")
    for field in identity.fields:
        check(kind, field, given[field])
    return identity.pk(*(given[field] for field in identity.fields))


def known(kind: str) -> str:
    """Give it back if it is a kind of message. Raises ValueError."""
    if not isinstance(kind, str) or kind not in IDENTITY:
        raise ValueError(f"kind must be one of {', '.join(IDENTITY)}")
    return kind


def check(kind: str, field: str, value: Any) -> None:
    """Raise ValueError unless a field of an identity or a filter is as it must be."""
    if field == "id":
        linked = kind == "linked_message"
        pattern, rule = (MESSAGE_ID, "msg_ and 26 characters") if linked else (UUID, "a UUID")
    else:
        pattern, rule = _RULES[field]
    if not isinstance(value, str) or re.fullmatch(pattern, value, re.DOTALL) is None:
        raise ValueError(f"{field} must be {rule}")
