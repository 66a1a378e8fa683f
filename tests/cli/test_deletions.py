"""What an operator is told of deletions, by request id or as a list."""

import json
from datetime import timedelta

import pytest

from delete_inbound_messages import handler as delete_all
from expunge import timestamps
from expunge.deletions import records
from list_deletions import handler as list_deletions
from tests.cli.undoing import complete, expunge, history_deleted
from tests.clock import Clock
from tests.deletions import look
from tests.world import ACCOUNT, SUB_KEY, World, call, message_id


def test_a_deletion_of_history_is_told_while_it_is_under_way_and_afterwards(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    request = history_deleted(world, end="2")
    told = {
        "sub_key": SUB_KEY,
        "id": request,
        "family": "channel",
        "state": "executing",
        "requested_at": timestamps.millis(clock.began),
        "requested_by": SUB_KEY,
        "channels": ["a:b", "c"],
        "end": "2",
        "restorable_until": timestamps.millis(clock.began + timedelta(days=30)),
    }
    for owner in ([], ["--sub-key", SUB_KEY]):
        assert expunge(capsys, "deletions", request, *owner) == (0, [told | {"deleted": 3}], "")
    assert expunge(capsys, "deletions", "--sub-key", SUB_KEY) == (0, [told], "")

    complete(clock)

    told["state"] = "done"
    for owner in ([], ["--sub-key", SUB_KEY]):
        assert expunge(capsys, "deletions", request, *owner) == (0, [told | {"deleted": 3}], "")
    assert expunge(capsys, "deletions", "--sub-key", SUB_KEY) == (0, [told], "")


def test_deletions_are_listed_newest_first_of_one_owner_or_of_all(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    world.api_key()
    world.message(1)
    first = history_deleted(world)
    complete(clock)
    second = call(delete_all).headers["x-request-id"]
    clock.run(1)
    third = history_deleted(world)

    def listed(*owner: str) -> list[str]:
        status, lines, _ = expunge(capsys, "deletions", *owner)
        assert status == 0
        return [line["id"] for line in lines]

    assert listed("--sub-key", SUB_KEY) == [third, first]
    assert listed("--account", ACCOUNT) == [second]
    assert listed() == [third, second, first]
    _, lines, _ = expunge(capsys, "deletions")
    owners = [(line.get("account_id"), line.get("sub_key")) for line in lines]
    assert owners == [(None, SUB_KEY), (ACCOUNT, None), (None, SUB_KEY)]
    [told] = expunge(capsys, "deletions", second)[1]
    assert (told["account_id"], told["deleted"], told["state"]) == (ACCOUNT, 1, "done")


def test_all_deletions_of_an_account_are_listed_however_many_pages_they_fill(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_PAGE", 2)
    world.api_key()
    made = []
    for number in range(5):
        world.message(number)
        made.append(call(delete_all).headers["x-request-id"])
        clock.run(1)

    _, lines, _ = expunge(capsys, "deletions", "--account", ACCOUNT)
    assert [line["id"] for line in lines] == made[::-1]


def test_an_account_that_is_called_like_a_keyset_sees_nothing_of_it(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    request = history_deleted(world)
    complete(clock)
    world.api_key(account_id=SUB_KEY)

    assert call(list_deletions).data == {"deletions": []}
    assert look(request).status == 404
    assert expunge(capsys, "deletions", request, "--account", SUB_KEY)[0] == 1


def test_a_record_outlives_its_messages(world: World, clock: Clock) -> None:
    history_deleted(world)
    complete(clock)

    scan = world.store.client.scan(
        TableName="expunge", FilterExpression="sk = :sk", ExpressionAttributeValues={":sk": {"S": "DELETION"}}
    )
    [item] = scan["Items"]
    assert int(item["keep_until"]["N"]) == int((clock.began + timedelta(days=400)).timestamp())
    assert message_id(1) not in json.dumps(item, default=str)
