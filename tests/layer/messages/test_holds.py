"""Holds by the library."""

from datetime import timedelta

import pytest

from delete_inbound_messages import handler as delete_inbound
from expunge import timestamps
from expunge.messages import HoldReleased, Messages, NoSuchHold
from purge import handler as purge
from tests.layer.messages.records import INBOUND_1
from tests.world import ACCOUNT, SUB_KEY, Context, call, message_id


def test_what_is_held_is_not_purged_until_it_is_released(messages: Messages) -> None:
    messages.put(INBOUND_1)
    call(delete_inbound)
    later = {"time": timestamps.millis(timestamps.now() + timedelta(days=31)), "force": True}

    made = messages.hold(account_id=ACCOUNT, messages=[message_id(1)], reason="case 12", by="legal")

    assert made["messages"] == [message_id(1)]
    assert "not_there" not in made
    assert list(messages.holds()) == [made]
    assert purge(later, Context())["held"] == 1
    released = messages.release(made["id"])
    assert released == made | {"released_at": released["released_at"], "released_by": "operator"}
    assert list(messages.holds()) == []
    assert list(messages.holds(released=True)) == [released]
    assert purge(later, Context())["purged"] == 1
    with pytest.raises(HoldReleased):
        messages.release(made["id"])
    with pytest.raises(NoSuchHold):
        messages.release("hold_1")


def test_a_hold_says_what_is_not_there_yet_and_refuses_what_can_never_be(messages: Messages) -> None:
    made = messages.hold(sub_key=SUB_KEY, channel="later", reason="case 12", hold_id="hold_12")

    assert made["not_there"] == ["live message in channel later"]
    assert messages.hold(sub_key=SUB_KEY, channel="later", reason="case 12", hold_id="hold_12") == made
    with pytest.raises(ValueError, match="a channel belongs to a sub key"):
        messages.hold(account_id=ACCOUNT, channel="ch", reason="case 12")
    with pytest.raises(ValueError, match="reason must be text"):
        messages.hold(account_id=ACCOUNT, reason="")
    assert [each["id"] for each in messages.holds()] == ["hold_12"]
