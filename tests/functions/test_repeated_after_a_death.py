"""A request that died half-way is finished by its repetition, which tells the whole truth."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest

from delete_inbound_message import handler as delete_one
from delete_inbound_messages import handler as delete_all
from delete_pull_event_batch import handler as delete_batch
from execute_deletion import handler as execute
from expunge.http import auth
from expunge.webhooks import customer_endpoints
from get_deletion import handler as get_deletion
from restore_deletion import handler as restore
from tests.deletions import ask
from tests.functions.dying import Killed, Mortal
from tests.world import PULL, Reply, World, call, message_id


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.customer()


def deaths(
    mortal: Mortal, travel: Callable[[timedelta], None], request: Callable[[int], Reply]
) -> Iterator[tuple[int, Reply]]:
    """Have a request die after its first call, another one after its second, and so on until one lives.

    Yields each repetition, which comes when the dead function's time is over.
    """
    for after in count(1):
        mortal.left = after
        auth.forget()
        customer_endpoints.forget()
        try:
            request(after)
        except Killed:
            mortal.left = 10**6
            travel(timedelta(minutes=after))
            yield after, request(after)
        else:
            assert after > 3
            return


def flagged_by(world: World, *ids: str) -> set[str | None]:
    return {item.get("delete_request_id") for item in world.items() if item["id"] in ids}


def test_wherever_a_deletion_by_filter_dies_its_repetition_tells_the_whole_truth(
    world: World, mortal: Mortal, travel: Callable[[timedelta], None]
) -> None:
    made: dict[int, list[str]] = {}

    def request(after: int) -> Reply:
        if after not in made:
            made[after] = [world.message(10 * after + number) for number in range(3)]
        return ask(delete_all, f"key-{after}")

    for after, reply in deaths(mortal, travel, request):
        assert reply.data == {"deleted": 3, "deleted_message_ids": made[after]}
        assert flagged_by(world, *made[after]) == {reply.headers["x-request-id"]}
        assert ask(delete_all, f"key-{after}").body == reply.body
        told = call(get_deletion, path={"request_id": reply.headers["x-request-id"]}).data
        assert (told["state"], told["deleted"], told["in_doubt"]) == ("done", 3, 0)


def test_wherever_a_batch_dies_its_repetition_tells_the_whole_truth(
    world: World, mortal: Mortal, travel: Callable[[timedelta], None]
) -> None:
    made: dict[int, list[str]] = {}

    def request(after: int) -> Reply:
        if after not in made:
            made[after] = [world.event(10 * after + number) for number in range(3)]
        return ask(delete_batch, f"key-{after}", path={"id": PULL}, body={"message_ids": made[after]})

    for after, reply in deaths(mortal, travel, request):
        assert [each["outcome"] for each in reply.data["results"]] == ["deleted"] * 3
        assert flagged_by(world, *made[after]) == {reply.headers["x-request-id"]}


def test_wherever_a_single_deletion_dies_its_repetition_tells_the_whole_truth(
    world: World, mortal: Mortal, travel: Callable[[timedelta], None]
) -> None:
    def request(after: int) -> Reply:
        if not any(item["id"] == message_id(after) for item in world.items()):
            world.message(after)
        return ask(delete_one, f"key-{after}", path={"message_id": message_id(after)})

    for after, reply in deaths(mortal, travel, request):
        assert reply.data["already_deleted"] is False
        assert flagged_by(world, message_id(after)) == {reply.headers["x-request-id"]}


def test_wherever_a_restore_dies_its_repetition_tells_the_whole_truth(
    world: World, mortal: Mortal, travel: Callable[[timedelta], None]
) -> None:
    made: dict[int, list[str]] = {}
    deletions: dict[int, str] = {}

    def request(after: int) -> Reply:
        if after not in made:
            left, mortal.left = mortal.left, 10**6
            made[after] = [world.event(10 * after + number) for number in range(3)]
            done = call(delete_batch, path={"id": PULL}, body={"message_ids": made[after]})
            deletions[after] = done.headers["x-request-id"]
            auth.forget()
            mortal.left = left
        return ask(restore, f"key-{after}", path={"request_id": deletions[after]})

    for after, reply in deaths(mortal, travel, request):
        assert reply.data == {"restored": 3, "restored_ids": made[after]}
        assert flagged_by(world, *made[after]) == {None}


def test_a_restore_that_is_repeated_tells_of_what_was_deleted_anew_since(
    world: World, mortal: Mortal, travel: Callable[[timedelta], None]
) -> None:
    ids = [world.message(1), world.message(2)]
    path = {"request_id": call(delete_all).headers["x-request-id"]}
    auth.forget()
    with suppress(Killed):
        mortal.left = 5
        ask(restore, path=path)
    assert world.live() == set(ids)
    mortal.left = 10**6
    call(delete_one, path={"message_id": ids[0]})
    travel(timedelta(minutes=1))

    assert ask(restore, path=path).data == {"restored": 2, "restored_ids": ids}
    assert world.live() == {ids[1]}


def test_wherever_an_execution_dies_its_repetition_tells_the_whole_truth(
    world: World, mortal: Mortal, travel: Callable[[timedelta], None]
) -> None:
    made: dict[int, list[str]] = {}
    plans: dict[int, str] = {}

    def request(after: int) -> Reply:
        if after not in made:
            left, mortal.left = mortal.left, 10**6
            made[after] = [world.message(10 * after + number) for number in range(3)]
            plans[after] = call(delete_all, query="dry_run=true").data["deletion_id"]
            auth.forget()
            mortal.left = left
        return ask(execute, f"key-{after}", path={"request_id": plans[after]})

    for after, reply in deaths(mortal, travel, request):
        assert reply.data == {"deleted": 3, "deleted_message_ids": made[after]}
        assert flagged_by(world, *made[after]) == {plans[after]}
        assert call(execute, path={"request_id": plans[after]}).data == reply.data
