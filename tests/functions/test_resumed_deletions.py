"""Deletions that are looked at, repeated or gone on with while others change the same messages."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delete_inbound_message import handler as delete_one
from delete_inbound_messages import handler as delete_all
from execute_deletion import handler as execute
from expunge.table.store import store
from get_deletion import handler as get_deletion
from restore_deletion import handler as restore
from tests.functions.dying import Here, Killed
from tests.world import KEY, Reply, World, call, message_id


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.api_key()
    world.inbound_endpoint()


def ask(query: str = "") -> Reply:
    return call(delete_all, query=query, headers={"authorization": f"Bearer {KEY}", "idempotency-key": "17"})


def hold(monkeypatch: pytest.MonkeyPatch, operation: str, look: Callable[[], object]) -> dict[str, Any]:
    """Do something whose last call of an operation does not arrive; return what it was about to say."""
    held: dict[str, Any] = {}
    with monkeypatch.context() as patch:
        patch.setattr(store().client, operation, lambda **arguments: held.update(arguments) or {})
        look()
    return held


def test_a_look_up_that_writes_late_takes_nothing_from_a_record_that_has_gone_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [world.message(1), world.message(2, status="queued")]
    client, real = store().client, store().client.transact_write_items
    held: dict[str, Any] = {}

    def look() -> Reply:
        [item] = [each for each in world.items() if each["id"] == ids[0]]
        return call(get_deletion, path={"request_id": item["delete_request_id"]})

    def commit(**arguments: Any) -> Any:
        if not world.deleted():
            # It has another status by the time it is written, so that it is taken in a second round.
            world.message(2, status="failed_permanent")
        reply = real(**arguments)
        held.update(held or hold(monkeypatch, "update_item", look))
        return reply

    monkeypatch.setattr(client, "transact_write_items", commit)
    world.message(3)
    done = call(delete_all)
    path = {"request_id": done.headers["x-request-id"]}
    before = call(get_deletion, path=path).data
    assert (before["state"], before["deleted"]) == ("done", 3)

    with suppress(ClientError):
        client.update_item(**held)

    assert call(get_deletion, path=path).data == before


def test_a_first_write_that_arrives_late_takes_nothing_from_a_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1)
    puts: list[dict[str, Any]] = []
    real = store().client.put_item

    def put(**arguments: Any) -> Any:
        puts.append(arguments)
        return real(**arguments)

    monkeypatch.setattr(store().client, "put_item", put)
    path = {"request_id": call(delete_all).headers["x-request-id"]}

    with suppress(ClientError):
        real(**puts[0])

    assert call(get_deletion, path=path).data["state"] == "done"


def test_what_was_restored_is_not_deleted_again_by_going_on_with_its_deletion(
    world: World, monkeypatch: pytest.MonkeyPatch, travel: Callable[[timedelta], None]
) -> None:
    world.message(1)
    plan = call(delete_all, query="dry_run=true").data["deletion_id"]
    real = store().client.transact_write_items

    def commit(**arguments: Any) -> Any:
        real(**arguments)
        raise Killed

    monkeypatch.setattr("expunge.table.at_once.ThreadPoolExecutor", Here)
    with monkeypatch.context() as patch, suppress(Killed):
        patch.setattr(store().client, "transact_write_items", commit)
        call(execute, path={"request_id": plan})
    assert world.deleted() == {message_id(1)}
    update = store().client.update_item
    with monkeypatch.context() as patch:

        def lost(**arguments: Any) -> Any:
            if arguments["Key"]["pk"]["S"].startswith("DELETION#"):
                response: Any = {
                    "Error": {"Code": "ValidationException"},
                    "ResponseMetadata": {"HTTPStatusCode": 400},
                }
                raise ClientError(response, "UpdateItem")
            return update(**arguments)

        patch.setattr(store().client, "update_item", lost)
        travel(timedelta(minutes=1))
        assert call(restore, path={"request_id": plan}).data["restored"] == 1

    reply = call(execute, path={"request_id": plan})

    assert reply.data == {"deleted": 1, "deleted_message_ids": [message_id(1)]}
    assert world.live() == {message_id(1)}


def test_what_was_restored_is_not_deleted_again_by_a_repetition_that_looks_for_more(
    world: World, monkeypatch: pytest.MonkeyPatch, travel: Callable[[timedelta], None]
) -> None:
    restored, other = world.message(1), world.message(2, status="queued")
    real = store().client.transact_write_items

    def commit(**arguments: Any) -> Any:
        real(**arguments)
        raise Killed

    monkeypatch.setattr("expunge.table.at_once.ThreadPoolExecutor", Here)
    with monkeypatch.context() as patch, suppress(Killed):
        patch.setattr(store().client, "transact_write_items", commit)
        ask("status=succeeded,queued")
    assert world.deleted() == {restored, other}
    deletion = world.items()[0]["delete_request_id"]
    travel(timedelta(minutes=1))
    assert (
        call(restore, path={"request_id": deletion}, body={"message_ids": [restored]}).data["restored"] == 1
    )

    reply = ask("status=succeeded,queued")

    assert sorted(reply.data["deleted_message_ids"]) == [restored, other]
    assert world.live() == {restored}


def test_a_repetition_deletes_no_more_than_the_limit_in_all(
    world: World, monkeypatch: pytest.MonkeyPatch, travel: Callable[[timedelta], None]
) -> None:
    lost, taken = world.message(1), world.message(2)
    rival: list[Reply] = []
    real = store().client.transact_write_items

    def commit(**arguments: Any) -> Any:
        if not rival:
            with monkeypatch.context() as alone:
                alone.setattr(store().client, "transact_write_items", real)
                rival.append(call(delete_one, path={"message_id": lost}))
            return real(**arguments)
        real(**arguments)
        raise Killed

    monkeypatch.setattr("expunge.table.at_once.ThreadPoolExecutor", Here)
    with monkeypatch.context() as patch, suppress(Killed):
        patch.setattr(store().client, "transact_write_items", commit)
        ask("limit=1")
    assert world.deleted() == {lost, taken}
    call(restore, path={"request_id": rival[0].headers["x-request-id"]})
    travel(timedelta(minutes=1))

    reply = ask("limit=1")

    assert reply.data == {"deleted": 1, "deleted_message_ids": [taken]}
    assert world.live() == {lost}


def test_a_repetition_that_fails_before_it_knows_does_not_let_a_third_one_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.message(1)
    replies: list[Reply] = []
    write, read = store().client.transact_write_items, store().client.get_item

    def get(**arguments: Any) -> Any:
        if arguments["Key"]["pk"]["S"].startswith("DELETION#"):
            response: Any = {
                "Error": {"Code": "InternalFailure"},
                "ResponseMetadata": {"HTTPStatusCode": 400},
            }
            raise ClientError(response, "GetItem")
        return read(**arguments)

    def meanwhile(**arguments: Any) -> Any:
        if not replies:
            with monkeypatch.context() as patch:
                patch.setattr(store().client, "get_item", get)
                replies.append(ask())
            replies.append(ask())
        return write(**arguments)

    monkeypatch.setattr(store().client, "transact_write_items", meanwhile)

    assert ask().data["deleted"] == 1
    assert [reply.status for reply in replies] == [500, 409]
