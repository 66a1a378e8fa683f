"""The library: what a platform's own code does with its messages, while others delete them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delete_channel_history import handler as delete_history
from delete_inbound_message import handler as delete_one
from delete_inbound_messages import handler as delete_inbound
from expunge import timestamps
from expunge.deletions.soft_delete import Shortfall
from expunge.errors import OutOfTime
from expunge.history import passes
from expunge.messages import AlreadyDeleted, HoldReleased, Messages, NoSuchHold, NotFound, Unreadable
from expunge.table import keys
from purge import handler as purge
from tests.disturbances import intercept
from tests.world import (
    ACCOUNT,
    INBOUND,
    LINKED,
    OUTBOUND,
    PULL,
    SUB_KEY,
    Context,
    World,
    at,
    call,
    message_id,
)

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


@pytest.fixture
def messages(world: World) -> Messages:
    world.api_key()
    world.keyset()
    return Messages(world.store.table, world.store.client)


def inbound(number: int, **fields: Any) -> dict[str, Any]:
    return INBOUND_1 | {"id": message_id(number), "received_at": at(number)} | fields


@pytest.mark.parametrize(
    ("record", "identity"),
    [
        (INBOUND_1 | {"version": 7}, ONE),
        (
            {
                "kind": "outbound_message",
                **ONE,
                "endpoint_id": OUTBOUND,
                "status": "queued",
                "created_at": at(1),
                "payload": None,
            },
            ONE,
        ),
        (
            {
                "kind": "pull_event",
                **ONE,
                "pull_endpoint_id": PULL,
                "event_type": "x",
                "status": "stored",
                "received_at": at(1),
            },
            ONE | {"pull_endpoint_id": PULL},
        ),
        (
            {
                "kind": "linked_message",
                "account_id": ACCOUNT,
                "id": LINKED,
                "linked_account_id": "la_1",
                "provider_message_id": "wamid.1",
                "sent_at": at(0),
                "payload": 0,
            },
            {"account_id": ACCOUNT, "id": LINKED},
        ),
        (PUBLISHED, SPOKEN),
    ],
    ids=lambda value: str(value.get("kind", "")),
)
def test_what_was_put_is_got(messages: Messages, record: dict[str, Any], identity: dict[str, str]) -> None:
    kind = record["kind"]
    assert messages.get(kind, **identity) is None
    assert messages.is_deleted(kind, **identity) is False
    assert messages.put(record) is True
    assert messages.get(kind, **identity) == record
    assert messages.is_deleted(kind, **identity) is False


def test_a_deleted_message_is_gone_for_readers_and_closed_to_writers(messages: Messages) -> None:
    messages.put(INBOUND_1)
    call(delete_inbound)
    assert messages.get("inbound_message", **ONE) is None
    assert messages.is_deleted("inbound_message", **ONE) is True
    with pytest.raises(AlreadyDeleted):
        messages.put(INBOUND_1 | {"version": 9})
    with pytest.raises(AlreadyDeleted):
        messages.set_status("inbound_message", status="succeeded", **ONE)


def test_a_purged_message_is_remembered(messages: Messages) -> None:
    messages.put(INBOUND_1)
    call(delete_inbound)
    with pytest.MonkeyPatch.context() as patch:
        now = timestamps.now() + timedelta(days=31)
        patch.setattr(timestamps, "now", lambda: now)
        assert purge({}, Context())["purged"] == 1
    assert messages.is_deleted("inbound_message", **ONE) is True
    assert messages.get("inbound_message", **ONE) is None
    with pytest.raises(AlreadyDeleted):
        messages.put(INBOUND_1)


def test_a_restored_message_is_back_and_says_so(messages: Messages) -> None:
    messages.put(INBOUND_1)
    request_id = call(delete_inbound).headers["x-request-id"]
    assert messages.restore(request_id, account_id=ACCOUNT) == 1
    assert messages.restore(request_id, account_id=ACCOUNT) == 0
    found = messages.get("inbound_message", **ONE)
    assert found is not None
    assert (found.pop("restored_by"), bool(found.pop("restored_at"))) == ("operator", True)
    assert found == INBOUND_1


def test_another_accounts_deletion_is_not_found(messages: Messages) -> None:
    messages.put(INBOUND_1)
    request_id = call(delete_inbound).headers["x-request-id"]
    with pytest.raises(NotFound):
        messages.restore(request_id, account_id="acc_2")
    with pytest.raises(NotFound):
        messages.restore(request_id, sub_key=SUB_KEY)


def test_a_status_moves_the_message_in_both_indexes_and_changes_nothing_else(
    world: World, messages: Messages
) -> None:
    messages.put(INBOUND_1 | {"version": 1})
    [before] = world.items()
    assert messages.set_status("inbound_message", status="succeeded", version=2, **ONE) is True
    [after] = world.items()
    world.store.client.delete_item(
        TableName=world.store.table, Key={"pk": {"S": before["pk"]}, "sk": {"S": keys.MESSAGE}}
    )
    messages.put(INBOUND_1 | {"version": 2, "status": "succeeded"})
    assert [after] == world.items()
    assert before["status"] == "queued"


@pytest.mark.parametrize(
    ("stored", "given", "changed"), [(None, None, True), (1, 2, True), (2, 2, False), (1, None, False)]
)
def test_a_status_of_no_newer_version_changes_nothing(
    world: World, messages: Messages, stored: int | None, given: int | None, *, changed: bool
) -> None:
    messages.put(INBOUND_1 | ({} if stored is None else {"version": stored}))
    before = world.items()
    assert messages.set_status("inbound_message", status="succeeded", version=given, **ONE) is changed
    assert (world.items() == before) is not changed


def test_a_status_of_no_message_is_not_found(messages: Messages) -> None:
    with pytest.raises(NotFound):
        messages.set_status("inbound_message", status="succeeded", **ONE)


def left_to_the_background(query: str = "") -> str:
    """Answer a deletion of the channel that flagged nothing yet, and give its id."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "soft_delete", lambda *_: Shortfall(OutOfTime()))
        reply = call(delete_history, path={"sub_key": SUB_KEY, "channels": "ch1"}, query=query)
    assert reply.status == 200
    return reply.headers["x-request-id"]


def timetokens_of(messages: Messages, **range_: str) -> list[int]:
    found = messages.live("channel_message", sub_key=SUB_KEY, channel="ch1", **range_)
    return [int(each["timetoken"]) for each in found]


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


def test_the_living_come_oldest_first_by_the_filters_of_delete_all(messages: Messages) -> None:
    for number in (3, 1, 2):
        messages.put(inbound(number))
    messages.put(inbound(4, status="succeeded"))
    messages.put(inbound(5, account_id="acc_2"))

    def ids(**filters: Any) -> list[str]:
        return [each["id"] for each in messages.live("inbound_message", account_id=ACCOUNT, **filters)]

    assert ids() == [message_id(n) for n in (1, 2, 3, 4)]
    assert ids(status="queued", limit=2) == [message_id(n) for n in (1, 2)]
    assert ids(inbound_endpoint_id=INBOUND, received_after=at(2), received_before=at(4)) == [
        message_id(n) for n in (2, 3)
    ]
    assert ids(inbound_endpoint_id=OUTBOUND) == []


def test_a_channels_stretch_is_as_the_api_has_it(world: World, messages: Messages) -> None:
    world.channel_messages("ch1", 1, 2, 3, 4)
    assert timetokens_of(messages, start="4", end="2") == [2, 3]
    assert timetokens_of(messages, start="3") == [1, 2]
    assert timetokens_of(messages, start="3", end="3") == []


def test_what_is_deleted_or_moved_while_the_living_are_read_is_not_shown(messages: Messages) -> None:
    for number in range(60):
        messages.put(inbound(number))
    reading = messages.live("inbound_message", account_id=ACCOUNT, status="queued")
    next(reading)
    call(delete_one, path={"message_id": message_id(55)})
    messages.set_status("inbound_message", status="succeeded", account_id=ACCOUNT, id=message_id(56))
    left = [each["id"] for each in reading]
    assert left == [message_id(n) for n in range(1, 60) if n not in (55, 56)]


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


def damaged(world: World, update: str, **values: str) -> None:
    """What a writer leaves behind who keeps to no rules."""
    more: Any = {}
    if "#status" in update:
        more["ExpressionAttributeNames"] = {"#status": "status"}
    if values:
        more["ExpressionAttributeValues"] = {f":{name}": {"S": text} for name, text in values.items()}
    world.store.client.update_item(
        TableName=world.store.table,
        Key={"pk": {"S": keys.message("INBOUND", ACCOUNT, message_id(1))}, "sk": {"S": keys.MESSAGE}},
        UpdateExpression=update,
        **more,
    )


@pytest.mark.parametrize(
    ("update", "values"),
    [
        ("REMOVE kind", {}),
        ("REMOVE account_id", {}),
        ("REMOVE #status", {}),
        ("SET version = :text", {"text": "5"}),
        ("SET received_at = :text", {"text": "yesterday"}),
    ],
)
def test_a_record_that_cannot_be_read_is_told_as_that(
    world: World, messages: Messages, update: str, values: dict[str, str]
) -> None:
    messages.put(INBOUND_1)
    damaged(world, update, **values)
    before = world.items()

    with pytest.raises(Unreadable, match="`expunge check`"):
        messages.set_status("inbound_message", status="succeeded", version=6, **ONE)
    assert world.items() == before
    if "received_at" not in update:
        with pytest.raises(Unreadable):
            messages.get("inbound_message", **ONE)
    assert messages.is_deleted("inbound_message", **ONE) is False


@pytest.mark.parametrize("content", [{}, {"payload": {"S": "1"}}, {"payload": {"B": b"no zlib"}}])
def test_content_that_cannot_be_read_keeps_no_other_message_from_being_listed(
    world: World, messages: Messages, content: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2, 3):
        messages.put(inbound(number))
    pk = keys.message("INBOUND", ACCOUNT, message_id(2))
    world.store.client.put_item(
        TableName=world.store.table, Item={"pk": {"S": pk}, "sk": {"S": keys.CONTENT}, **content}
    )

    with pytest.raises(Unreadable):
        messages.get("inbound_message", account_id=ACCOUNT, id=message_id(2))
    listed = messages.live("inbound_message", account_id=ACCOUNT)
    assert [each["id"] for each in listed] == [message_id(1), message_id(3)]
    assert [record.getMessage() for record in caplog.records] == [
        f"A message that cannot be read was passed over: {pk}"
    ]


@pytest.mark.parametrize("place", ["state_pk, state_sk, group_pk", "group_pk"])
def test_a_status_mends_a_place_that_is_lacking(world: World, messages: Messages, place: str) -> None:
    messages.put(INBOUND_1 | {"status": "succeeded"})
    [right] = world.items()
    messages.put(INBOUND_1)
    damaged(world, f"REMOVE {place}")

    assert messages.set_status("inbound_message", status="succeeded", **ONE) is True
    assert world.items() == [right]


# A writer and others, interleaved at every call of the store.

STEPS = ("delete", "restore", "purge", "status", "put")


class Others:
    """Deletes, restores and purges the one message, and changes it as another writer would."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        self.deleted_by: list[str] = []

    def do(self, step: str) -> None:
        match step:
            case "delete":
                reply = call(delete_one, path={"message_id": message_id(1)})
                if reply.status == 200 and not reply.data["already_deleted"]:
                    self.deleted_by.append(reply.headers["x-request-id"])
            case "restore" if self.deleted_by:
                self.messages.restore(self.deleted_by[-1], account_id=ACCOUNT)
            case "purge":
                with pytest.MonkeyPatch.context() as patch:
                    now = timestamps.now() + timedelta(days=31)
                    patch.setattr(timestamps, "now", lambda: now)
                    purge({}, Context())
            case "status" | "put":
                self.write(step)

    def write(self, what: str) -> bool:
        """Whether it was told that it succeeded."""
        try:
            if what == "put":
                return self.messages.put(INBOUND_1 | {"status": "delivering"})
            return self.messages.set_status("inbound_message", status="succeeded", **ONE)
        except (AlreadyDeleted, NotFound):
            return False


def state(world: World) -> tuple[str, dict[str, str], bool]:
    """Whether it is live, deleted or purged; its row, or what is left of that; and whether it has content."""
    items: Any = world.store.client.scan(TableName=world.store.table)["Items"]
    content = any(item["sk"]["S"] == keys.CONTENT for item in items)
    if tombstones := world.tombstones():
        [row] = tombstones.values()
        return "purged", row, content
    [row] = world.items()
    return "deleted" if "deleted_at" in row else "live", row, content


def _interleaved(world: World, messages: Messages, what: str, script: list[str]) -> None:
    """Write once, with a step of the others before each call that the writer makes."""
    others = Others(messages)
    messages.put(INBOUND_1)
    left = list(script)
    busy = False

    def meanwhile(make: Any, client: Any, operation: str, params: dict[str, Any]) -> Any:
        nonlocal busy
        if not busy and left:
            busy = True
            try:
                others.do(left.pop(0))
            finally:
                busy = False
        return make(client, operation, params)

    with pytest.MonkeyPatch.context() as patch:
        intercept(patch, meanwhile)
        told = others.write(what)
    after, row, content = state(world)
    assert told == (after == "live"), script
    if after == "live":
        assert row["status"] == ("delivering" if what == "put" else "succeeded")
        assert row["state_pk"] == keys.live("INBOUND", ACCOUNT, INBOUND, row["status"])
        assert row["group_pk"].startswith(f"LIVE#INBOUND#{ACCOUNT}#{row['status']}#")
        assert content
        assert ("restored_at" in row) == ("restored_by" in row) == bool(others.deleted_by)
    if after == "deleted":
        assert world.deleted() == {message_id(1)}
        assert content
    if after == "purged":
        assert set(row) == {"sk", "purged_at", "keep_until", "delete_request_id"}
        assert not content


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(what=st.sampled_from(["put", "status"]), script=st.lists(st.sampled_from(STEPS), max_size=5))
def test_a_writer_never_undoes_a_deletion_and_is_always_told(
    world: World, messages: Messages, what: str, script: list[str]
) -> None:
    _emptied(world)
    _interleaved(world, messages, what, script)


@pytest.mark.engine
@settings(max_examples=300, derandomize=False, suppress_health_check=list(HealthCheck))
@given(what=st.sampled_from(["put", "status"]), script=st.lists(st.sampled_from(STEPS), max_size=6))
def test_a_writer_never_undoes_a_deletion_at_length(
    world: World, messages: Messages, what: str, script: list[str]
) -> None:
    _emptied(world)
    _interleaved(world, messages, what, script)


def _emptied(world: World) -> None:
    """Take away what an earlier example left."""
    for item in _messages(world):
        world.store.client.delete_item(
            TableName=world.store.table, Key={name: item[name] for name in ("pk", "sk")}
        )


def _messages(world: World) -> Iterator[Any]:
    for item in world.store.client.scan(TableName=world.store.table)["Items"]:
        if item["sk"]["S"] in (keys.MESSAGE, keys.CONTENT):
            yield item


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

    assert made["not_there"] == ["a live message in channel later"]
    assert messages.hold(sub_key=SUB_KEY, channel="later", reason="case 12", hold_id="hold_12") == made
    with pytest.raises(ValueError, match="a channel belongs to a sub key"):
        messages.hold(account_id=ACCOUNT, channel="ch", reason="case 12")
    with pytest.raises(ValueError, match="reason must be text"):
        messages.hold(account_id=ACCOUNT, reason="")
    assert [each["id"] for each in messages.holds()] == ["hold_12"]
