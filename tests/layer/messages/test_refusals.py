"""What the library refuses is told in a sentence."""

from collections.abc import Callable
from typing import Any

import pytest

from expunge.messages import Messages
from tests.layer.messages.records import INBOUND_1, ONE, SPOKEN
from tests.world import ACCOUNT, SUB_KEY, message_id


def nested(levels: int) -> Any:
    payload: Any = []
    for _ in range(levels):
        payload = [payload]
    return payload


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda m: m.get("message"), "kind must be one of inbound_message"),
        (lambda m: m.get("inbound_message", id=message_id(1)), "inbound_message is named by account_id, id"),
        (lambda m: m.get("inbound_message", account_id=ACCOUNT, id="1"), "id must be a UUID"),
        (lambda m: m.is_deleted("channel_message", **SPOKEN | {"timetoken": "x"}), "timetoken must be a str"),
        (lambda m: m.put({"kind": "inbound_message"}), 'inbound_message lacks "account_id"'),
        (lambda m: m.put({"kind": "inbound_message", "payload": object()}), "what JSON can hold"),
        (lambda m: m.put({"kind": "api_key", "key": "k", "account_id": "a"}), "api_key is no message"),
        (lambda m: m.set_status("channel_message", status="x", **SPOKEN), "channel_message has no status"),
        (lambda m: m.set_status("inbound_message", status="queued", version=-1, **ONE), "version must be"),
        (lambda m: m.put(INBOUND_1 | {"version": 2**63}), "version must be a whole number from 0 to"),
        (lambda m: m.live("linked_message", account_id=ACCOUNT), "linked messages cannot be listed"),
        (lambda m: m.live("inbound_message", account_id=ACCOUNT, dry_run="true"), "dry_run is no filter"),
        (lambda m: m.live("inbound_message", account_id=ACCOUNT, status="x"), "status must be a comma"),
        (lambda m: m.live("inbound_message"), "account_id must be 1 to 64"),
        (lambda m: m.put(INBOUND_1 | {"payload": nested(100_000)}), "the record must not be nested deeper"),
        (lambda m: m.get([]), "kind must be one of inbound_message"),
        (
            lambda m: m.live("channel_message", sub_key=SUB_KEY, channel="c", start=5),
            "start must be a string",
        ),
        (lambda m: m.live("channel_message", sub_key=SUB_KEY, channel="c", end=None), "end must be a string"),
        (lambda m: m.restore("x" * 3000, account_id=ACCOUNT), "request_id must be"),
        (lambda m: m.restore(5, sub_key=SUB_KEY), "request_id must be"),
        (lambda m: m.restore("req_1"), "either account_id or sub_key must be given"),
    ],
)
def test_what_is_not_as_it_must_be_is_told_in_a_sentence(
    messages: Messages, wrong: Callable[[Messages], object], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        wrong(messages)


def test_an_unknown_status_is_told(messages: Messages) -> None:
    messages.put(INBOUND_1)
    with pytest.raises(ValueError, match="status must be queued, "):
        messages.set_status("inbound_message", status="stored", **ONE)
