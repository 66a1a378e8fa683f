"""What an unfinished background deletion covers is hidden from readers and closed to writers."""

import pytest

from delete_channel_history import handler as delete_history
from expunge.deletions.shortfall import Shortfall
from expunge.errors import OutOfTime
from expunge.history import passes
from expunge.messages import AlreadyDeleted, Messages, Unreadable
from expunge.table import keys
from tests.layer.messages.records import PUBLISHED, SPOKEN, timetokens_of
from tests.world import SUB_KEY, World, call


def left_to_the_background(query: str = "") -> str:
    """Answer a deletion of the channel that flagged nothing yet, and give its id."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "soft_delete", lambda *_: Shortfall(OutOfTime()))
        reply = call(delete_history, path={"sub_key": SUB_KEY, "channels": "ch1"}, query=query)
    assert reply.status == 200
    return reply.headers["x-request-id"]


def test_what_a_background_deletion_covers_is_hidden_as_soon_as_it_is_answered(
    world: World, messages: Messages
) -> None:
    world.channel_messages("ch1", *range(10, 20))
    world.channel_messages("ch2", 15)
    left_to_the_background("start=16")

    assert timetokens_of(messages) == [16, 17, 18, 19]
    known = {"sub_key": SUB_KEY, "channel": "ch1"}
    assert messages.get("channel_message", timetoken="15", **known) is None
    assert messages.is_deleted("channel_message", timetoken="15", **known) is True
    assert messages.is_deleted("channel_message", timetoken="16", **known) is False
    assert messages.is_deleted("channel_message", timetoken="9", **known) is False
    elsewhere = {"sub_key": SUB_KEY, "channel": "ch2", "timetoken": "15"}
    assert messages.is_deleted("channel_message", **elsewhere) is False
    assert len(world.history("ch1")) == 10


def test_a_writer_is_told_of_a_deletion_that_is_still_under_way_and_changes_nothing(
    messages: Messages,
) -> None:
    messages.put(PUBLISHED)
    request_id = left_to_the_background()
    with pytest.raises(AlreadyDeleted):
        messages.put(PUBLISHED | {"payload": "new"})
    with pytest.raises(AlreadyDeleted):
        messages.put(PUBLISHED | {"timetoken": "17000000000000001"})
    assert messages.put(PUBLISHED | {"channel": "ch2"}) is True
    assert messages.put(PUBLISHED | {"timetoken": "99000000000000000"}) is True
    messages.restore(request_id, sub_key=SUB_KEY)
    assert messages.get("channel_message", **SPOKEN) == PUBLISHED
    assert messages.put(PUBLISHED | {"payload": "new"}) is True


@pytest.mark.parametrize("lost", ["timetoken", "channel"])
def test_a_message_that_cannot_be_read_hides_no_other_while_history_is_deleted(
    world: World, messages: Messages, lost: str
) -> None:
    world.channel_messages("ch1", 10, 11, 12, 13)
    left_to_the_background("start=11")
    pk = keys.channel_message(SUB_KEY, "ch1", f"{12:019d}")
    world.store.client.update_item(
        TableName=world.store.table,
        Key={"pk": {"S": pk}, "sk": {"S": keys.MESSAGE}},
        UpdateExpression=f"REMOVE {lost}",
    )

    assert timetokens_of(messages) == [11, 13]
    spoilt = {"sub_key": SUB_KEY, "channel": "ch1", "timetoken": "12"}
    with pytest.raises(Unreadable):
        messages.get("channel_message", **spoilt)
    with pytest.raises(Unreadable):
        messages.is_deleted("channel_message", **spoilt)
    assert messages.put(PUBLISHED | spoilt) is True
    assert timetokens_of(messages) == [11, 12, 13]


def test_a_restore_ends_what_is_left_in_the_background(world: World, messages: Messages) -> None:
    world.channel_messages("ch1", 1, 2)
    request_id = left_to_the_background()
    assert messages.restore(request_id, sub_key=SUB_KEY) == 0
    assert timetokens_of(messages) == [1, 2]
    assert world.sweeps() == 0


def test_a_deletion_of_history_is_restored(world: World, messages: Messages) -> None:
    world.channel_messages("ch1", 1, 2)
    reply = call(delete_history, path={"sub_key": SUB_KEY, "channels": "ch1"})
    assert timetokens_of(messages) == []
    assert messages.restore(reply.headers["x-request-id"], sub_key=SUB_KEY) == 2
    assert timetokens_of(messages) == [1, 2]


def test_what_was_dated_ahead_is_covered_only_if_it_was_stored_before_the_request(
    world: World, messages: Messages
) -> None:
    ahead = 99_000_000_000_000_000
    messages.put(PUBLISHED | {"timetoken": str(ahead)})
    left_to_the_background()
    world.channel_messages("ch1", ahead + 1)
    assert timetokens_of(messages) == [ahead + 1]
