"""The library in a program that is killed at any of its calls to the store, and does it all again.

A death at a read leaves what a death at the writes around it leaves, so only writes are counted.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from threading import Lock
from typing import Any

import pytest

from delete_channel_history import handler as delete_history
from delete_inbound_message import handler as delete_one
from delete_inbound_messages import handler as delete_inbound
from expunge.deletions.shortfall import Shortfall
from expunge.errors import OutOfTime
from expunge.history import passes
from expunge.messages import AlreadyDeleted, Messages
from expunge.table import keys
from tests.world import ACCOUNT, INBOUND, SUB_KEY, World, at, call, message_id

MESSAGE = {
    "kind": "inbound_message",
    "account_id": ACCOUNT,
    "id": message_id(1),
    "inbound_endpoint_id": INBOUND,
    "status": "queued",
    "received_at": at(1),
    "payload": "old",
}
ONE: Any = {"account_id": ACCOUNT, "id": message_id(1)}
PUBLISHED = {"kind": "channel_message", "sub_key": SUB_KEY, "channel": "ch1", "timetoken": "17", "payload": 1}

Told = Any
Write = Callable[[Messages], Told]


class Killed(BaseException):
    """The program's process ended."""


class Dying:
    """A client of a program that ends at its write of that number, before the store is asked or after."""

    def __init__(self, client: Any, at_write: int, *, asked: bool) -> None:
        self._client = client
        self._left = at_write
        self._asked = asked
        self._one_at_a_time = Lock()
        self.died = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return found if name in ("meta", "exceptions") else partial(self._call, found, name)

    def _call(self, make: Callable[..., Any], name: str, **arguments: Any) -> Any:
        writes = name in ("transact_write_items", "update_item", "put_item", "delete_item")
        with self._one_at_a_time:
            if self.died:  # all of its threads are dead
                raise Killed
            if not writes or self._left > 0:
                self._left -= writes
                return make(**arguments)
            self.died = True
            if self._asked:
                make(**arguments)
            raise Killed


@pytest.fixture
def messages(world: World) -> Messages:
    world.api_key()
    world.keyset()
    return Messages(world.store.table, world.store.client)


def put_new(messages: Messages) -> Told:
    return messages.put(MESSAGE | {"id": message_id(2), "payload": "new"})


def put_over(messages: Messages) -> Told:
    return messages.put(MESSAGE | {"status": "succeeded", "payload": "new"})


def put_over_without_content(messages: Messages) -> Told:
    return messages.put({name: value for name, value in MESSAGE.items() if name != "payload"})


def put_beside_a_deletion(messages: Messages) -> Told:
    return messages.put(PUBLISHED | {"payload": 2})


def set_status(messages: Messages) -> Told:
    return messages.set_status("inbound_message", status="succeeded", **ONE)


def set_status_of_a_version(messages: Messages) -> Told:
    return messages.set_status("inbound_message", status="succeeded", version=3, **ONE)


WRITES = [
    put_new,
    put_over,
    put_over_without_content,
    put_beside_a_deletion,
    set_status,
    set_status_of_a_version,
]


def stored(world: World) -> dict[tuple[str, str], Any]:
    """Messages and contents, but for when they were stored and restored, and by which call of the library."""
    left_out = ("stored_at", "restored_at", "restored_request_id")
    items: Any = world.store.client.scan(TableName=world.store.table)["Items"]
    return {
        (item["pk"]["S"], item["sk"]["S"]): {name: item[name] for name in item if name not in left_out}
        for item in items
        if item["sk"]["S"] in (keys.MESSAGE, keys.CONTENT)
    }


def filled(world: World, messages: Messages) -> None:
    """One message, and a channel of which another stretch is being deleted in the background."""
    for pk, sk in stored(world):
        world.store.client.delete_item(TableName=world.store.table, Key={"pk": {"S": pk}, "sk": {"S": sk}})
    messages.put(MESSAGE)
    messages.put(PUBLISHED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "soft_delete", lambda *_: Shortfall(OutOfTime()))
        call(delete_history, path={"sub_key": SUB_KEY, "channels": "ch1"}, query="end=18")


def programs(world: World) -> Iterator[tuple[Dying, Messages]]:
    """One that dies at each of its writes in turn, before and after it, and one that has no more of them."""
    for number in count():
        for asked in (False, True):
            client = Dying(world.store.client, number, asked=asked)
            yield client, Messages(world.store.table, client)  # type: ignore[arg-type]
            if not client.died:
                return


@pytest.mark.parametrize("write", WRITES)
def test_a_write_is_made_as_a_whole_or_not_at_all_and_its_repetition_ends_as_one(
    world: World, messages: Messages, write: Write
) -> None:
    filled(world, messages)
    before = stored(world)
    assert write(messages) is True
    after = stored(world)
    came = 0
    for client, program in programs(world):
        filled(world, messages)
        with suppress(Killed):
            write(program)
        came += client.died
        if not client.died:
            continue
        made = stored(world)
        assert made in (before, after)
        # A version that is stored already is not stored again, and that is what its writer is told.
        assert write(messages) is (write is not set_status_of_a_version or made == before)
        assert stored(world) == after
    assert came >= 2


@pytest.mark.parametrize("write", [put_over, put_over_without_content, set_status, set_status_of_a_version])
def test_a_deletion_between_a_death_and_the_repetition_is_told_and_kept(
    world: World, messages: Messages, write: Write
) -> None:
    for client, program in programs(world):
        filled(world, messages)
        with suppress(Killed):
            write(program)
        if not client.died:
            continue
        assert call(delete_one, path={"message_id": message_id(1)}).data["already_deleted"] is False
        flagged = stored(world)
        with pytest.raises(AlreadyDeleted):
            write(messages)
        assert stored(world) == flagged
        assert world.deleted() == {message_id(1)}


def test_a_restore_that_dies_is_finished_by_its_repetition(
    world: World, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message is restored whole or still deleted, and the repetition tells of those that were left."""
    monkeypatch.setattr("expunge.deletions.restore.LIMIT", 2)
    came = 0
    for client, program in programs(world):
        filled(world, messages)
        for number in range(2, 6):
            messages.put(MESSAGE | {"id": message_id(number)})
        before = stored(world)
        request_id = call(delete_inbound).headers["x-request-id"]
        flagged = stored(world)

        def restore(messages: Messages, request_id: str = request_id) -> int:
            return messages.restore(request_id, account_id=ACCOUNT)

        with suppress(Killed):
            restore(program)
        came += client.died
        for place, item in stored(world).items():
            assert item == flagged[place] or restored(item) == before[place]
        left = len(world.deleted())
        assert restore(messages) == left
        assert {place: restored(item) for place, item in stored(world).items()} == before
        assert restore(messages) == 0
    assert came >= 6


def test_a_restore_of_history_that_dies_is_finished_by_its_repetition(
    world: World, messages: Messages
) -> None:
    came = 0
    for client, program in programs(world):
        filled(world, messages)
        for number in (15, 16):
            messages.put(PUBLISHED | {"timetoken": str(number)})
        before = stored(world)
        reply = call(delete_history, path={"sub_key": SUB_KEY, "channels": "ch1"}, query="start=18")
        flagged = stored(world)
        assert len(world.deleted()) == 3

        def restore(messages: Messages, request_id: str = reply.headers["x-request-id"]) -> int:
            return messages.restore(request_id, sub_key=SUB_KEY)

        with suppress(Killed):
            restore(program)
        came += client.died
        for place, item in stored(world).items():
            assert item == flagged[place] or restored(item) == before[place]
        left = len(world.deleted())
        assert restore(messages) == left
        assert {place: restored(item) for place, item in stored(world).items()} == before
    assert came >= 4


def restored(item: dict[str, Any]) -> dict[str, Any]:
    """What a restored message was before its deletion."""
    return {name: value for name, value in item.items() if name not in ("restored_by", "restored_from")}
