"""Records that the library is tried with."""

from typing import Any

from expunge.messages import Messages
from tests.world import ACCOUNT, INBOUND, SUB_KEY, at, message_id

INBOUND_1 = {
    "kind": "inbound_message",
    "account_id": ACCOUNT,
    "id": message_id(1),
    "inbound_endpoint_id": INBOUND,
    "status": "queued",
    "received_at": at(1),
    "payload": {"n": 1, "é": [None, True]},
}

ONE: dict[str, Any] = {"account_id": ACCOUNT, "id": message_id(1)}

PUBLISHED = {
    "kind": "channel_message",
    "sub_key": SUB_KEY,
    "channel": "ch1",
    "timetoken": "17000000000000000",
    "payload": {"text": "hi"},
}

SPOKEN = {"sub_key": SUB_KEY, "channel": "ch1", "timetoken": "17000000000000000"}


def timetokens_of(messages: Messages, **range_: str) -> list[int]:
    found = messages.live("channel_message", sub_key=SUB_KEY, channel="ch1", **range_)
    return [int(each["timetoken"]) for each in found]
