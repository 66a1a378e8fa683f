"""`expunge hold`: what is placed is printed, listed and released, and what is wrong is said in a sentence."""

import json
from datetime import timedelta
from typing import Any

import pytest

from cli.main import run
from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions import holding
from expunge.deletions.covered import Covered
from expunge.errors import HoldReleased, NotHoldable
from expunge.table import keys
from purge import handler as purge
from tests.clock import Clock
from tests.functions.bin import deleted
from tests.world import ACCOUNT, INBOUND, LINKED, PULL, SUB_KEY, Context, World, message_id

Capture = pytest.CaptureFixture[str]


def hold(*arguments: str) -> int:
    return run(["hold", *arguments, "--dynamodb-url", "aws"])


def placed(capsys: Capture, *arguments: str) -> dict[str, Any]:
    assert hold("place", *arguments, "--reason", "case 12") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def in_force(world: World) -> set[str]:
    """What is held now, by the keys under which the purge looks."""
    items = world.store.client.scan(TableName=world.store.table)["Items"]
    return {item["sk"]["S"] for item in items if item["pk"]["S"] == keys.IN_FORCE} - {keys.HOLDS_STATE}


def test_a_hold_says_what_it_covers_why_and_from_when_on(world: World, clock: Clock, capsys: Capture) -> None:
    world.api_key()

    found = placed(capsys, "--account", ACCOUNT, "--by", "legal")

    now = clock.began
    assert found.pop("id").startswith("hold_")
    assert found == {
        "in_force_from": timestamps.millis(now + timedelta(seconds=60)),
        "account_id": ACCOUNT,
        "reason": "case 12",
        "by": "legal",
        "placed_at": timestamps.millis(now),
    }


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("arguments", "covered"),
    [
        (["--account", ACCOUNT], {"account_id": ACCOUNT}),
        (["--account", ACCOUNT, "--endpoint", PULL], {"account_id": ACCOUNT, "endpoint_id": PULL}),
        (
            ["--account", ACCOUNT, "--message", message_id(1).upper(), "--message", LINKED],
            {"account_id": ACCOUNT, "messages": [message_id(1), LINKED]},
        ),
        (["--sub-key", SUB_KEY], {"sub_key": SUB_KEY}),
        (["--sub-key", SUB_KEY, "--channel", "a:b"], {"sub_key": SUB_KEY, "channel": "a:b"}),
        (
            ["--sub-key", SUB_KEY, "--message", "a:b:0017", "--message", "a:b:17"],
            {"sub_key": SUB_KEY, "messages": ["a:b:17"]},
        ),
    ],
)
def test_a_hold_is_listed_as_it_was_printed_until_it_is_released(
    capsys: Capture, arguments: list[str], covered: dict[str, Any]
) -> None:
    found = placed(capsys, *arguments)
    names = {"account_id", "endpoint_id", "sub_key", "channel", "messages"}
    assert {name: found[name] for name in names & set(found)} == covered

    assert hold("list") == 0
    assert json.loads(capsys.readouterr().out) == found

    assert hold("release", found["id"], "--by", "legal") == 0
    released = json.loads(capsys.readouterr().out)
    assert released == found | {"released_at": released["released_at"], "released_by": "legal"}

    assert hold("list") == 0
    assert capsys.readouterr().out == ""
    assert hold("list", "--all") == 0
    assert json.loads(capsys.readouterr().out) == released


def test_holds_are_listed_in_the_order_in_which_they_were_placed(
    world: World, clock: Clock, capsys: Capture
) -> None:
    del world
    ids = []
    for number in range(3):
        clock.run(1)
        ids.append(placed(capsys, "--account", f"acc_{number}")["id"])

    assert hold("list") == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ids


def test_a_second_hold_on_the_same_outlives_the_first(world: World, capsys: Capture) -> None:
    first, second = (placed(capsys, "--account", ACCOUNT)["id"] for _ in range(2))
    assert in_force(world) == {f"ACCOUNT#{ACCOUNT}"}

    hold("release", first)
    assert in_force(world) == {f"ACCOUNT#{ACCOUNT}"}

    hold("release", second)
    assert in_force(world) == set()


@pytest.mark.usefixtures("world")
def test_releasing_a_second_time_fails_and_says_so(capsys: Capture) -> None:
    hold_id = placed(capsys, "--account", ACCOUNT)["id"]
    assert hold("release", hold_id, "--by", "legal") == 0
    released_at = json.loads(capsys.readouterr().out)["released_at"]

    assert hold("release", hold_id) == 1
    sentence = f"the hold {hold_id} was released already, at {released_at} by legal"
    assert capsys.readouterr() == ("", f"expunge: {sentence}\n")


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("hold_id", ["hold_1", "", "a b", "x" * 3000])
def test_releasing_what_is_no_hold_fails_and_says_so(capsys: Capture, hold_id: str) -> None:
    assert hold("release", hold_id) == 1
    sentence = f"there is no hold with the id {hold_id!r}; `expunge hold list` shows those there are"
    assert capsys.readouterr() == ("", f"expunge: {sentence}\n")


def test_what_is_not_there_yet_is_held_and_it_is_said(world: World, capsys: Capture) -> None:
    account = ["--account", "acc_9", "--endpoint", INBOUND, "--message", message_id(1)]
    keyset = ["--sub-key", "sub-c-9", "--channel", "ch1"]
    for arguments, missing in (
        (account, ["account acc_9", f"endpoint {INBOUND}", f"message {message_id(1)}"]),
        (keyset, ["sub key sub-c-9", "live message in channel ch1"]),
        (["--sub-key", SUB_KEY, "--message", "ch1:1"], [f"sub key {SUB_KEY}", "message ch1:1"]),
    ):
        assert hold("place", *arguments, "--reason", "case 12") == 0
        _, err = capsys.readouterr()
        assert err.splitlines() == [
            f"expunge: there is no {each} yet; the hold covers it as soon as there is" for each in missing
        ]
    assert len(in_force(world)) == 3


@pytest.mark.parametrize("what", ["an endpoint", "an API key"])
def test_an_account_that_has_anything_is_not_called_missing(world: World, capsys: Capture, what: str) -> None:
    if what == "an endpoint":
        world.pull_endpoint()
    else:
        world.api_key()

    assert hold("place", "--account", ACCOUNT, "--reason", "case 12") == 0
    assert capsys.readouterr().err == ""


def test_what_is_there_is_not_called_missing(world: World, capsys: Capture) -> None:
    world.api_key()
    world.linked_account()
    world.pull_endpoint()
    world.message(1)
    world.event(2)
    world.outbound_message(3)
    world.linked_message()
    world.keyset()
    world.channel_messages("ch1", 10)
    ids = (message_id(1), message_id(2), message_id(3), LINKED)
    messages = [part for each in ids for part in ("--message", each)]
    for arguments in (
        ["--account", ACCOUNT, *messages],
        ["--account", ACCOUNT, "--endpoint", PULL, "--message", message_id(2)],
        ["--account", ACCOUNT, "--endpoint", "la_1"],
        ["--sub-key", SUB_KEY, "--channel", "ch1"],
        ["--sub-key", SUB_KEY, "--channel", "ch1", "--message", "ch1:10"],
    ):
        assert hold("place", *arguments, "--reason", "case 12") == 0
        assert capsys.readouterr().err == ""


def test_what_was_purged_is_called_missing(world: World, capsys: Capture) -> None:
    world.api_key()
    world.message(1, **deleted(timestamps.now() - timedelta(days=1)))
    assert purge({}, Context())["purged"] == 1

    assert hold("place", "--account", ACCOUNT, "--message", message_id(1), "--reason", "case 12") == 0
    assert f"there is no message {message_id(1)} yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "a hold is on an account or on a sub key: name one of them"),
        (
            ["--account", "a", "--sub-key", "s"],
            "a hold is on an account or on a sub key: name one of them",
        ),
        (["--account", "a#b"], "account 'a#b' must be 1 to 64 letters, digits, _ or -"),
        (["--account", ""], "account '' must be 1 to 64 letters, digits, _ or -"),
        (["--account", "a", "--channel", "c"], "a channel belongs to a sub key, not to an account"),
        (["--account", "a", "--endpoint", ""], "endpoint '' must be a UUID or a linked account's id"),
        (
            ["--account", "a", "--message", "m"],
            "message 'm' must be a UUID, or msg_ and 26 characters of base32",
        ),
        (["--sub-key", "s#"], "sub key 's#' must be 1 to 128 letters, digits, _ or -"),
        (["--sub-key", "s", "--endpoint", "e"], "an endpoint belongs to an account, not to a sub key"),
        (["--sub-key", "s", "--channel", " "], "channel ' ' must be 1 to 92 characters without a comma"),
        (["--sub-key", "s", "--message", "17"], "message '17' must be CHANNEL:TIMETOKEN"),
        (["--sub-key", "s", "--message", "c:x"], "message 'c:x' must be CHANNEL:TIMETOKEN"),
        (
            ["--sub-key", "s", "--channel", "c", "--message", "d:1"],
            "message 'd:1' is not in the channel 'c'",
        ),
        (["--account", "a", "--by", " "], "by must be text of 1 to 1000 characters"),
        (
            ["--account", "a", *["--message", message_id(1)] * 91],
            "a hold covers at most 90 single messages: place several",
        ),
    ],
)
def test_a_hold_that_cannot_be_meant_so_is_wrong_use(
    world: World, capsys: Capture, arguments: list[str], sentence: str
) -> None:
    assert hold("place", *arguments, "--reason", "case 12") == 2
    assert capsys.readouterr() == ("", f"expunge: {sentence}.\n")
    assert in_force(world) == set()


@pytest.mark.parametrize("reason", ["", " ", "x" * 1001])
def test_a_hold_needs_a_reason(world: World, capsys: Capture, reason: str) -> None:
    assert hold("place", "--account", ACCOUNT, "--reason", reason) == 2
    assert capsys.readouterr() == ("", "expunge: reason must be text of 1 to 1000 characters.\n")
    assert in_force(world) == set()


def test_ninety_messages_are_placed_and_released_in_one_piece(world: World, capsys: Capture) -> None:
    messages = [part for number in range(90) for part in ("--message", message_id(number))]

    found = placed(capsys, "--account", ACCOUNT, *messages)

    assert len(found["messages"]) == len(in_force(world)) == 90
    assert hold("release", found["id"]) == 0
    assert in_force(world) == set()


def test_the_same_hold_under_the_same_id_is_placed_once(world: World) -> None:
    def place(account_id: str) -> holding.Hold:
        covered = Covered(account_id=account_id)
        deadline = Deadline.never()
        return holding.place(world.store, covered, reason="r", by="b", deadline=deadline, hold_id="hold_1")

    first = place("acc_1")
    assert place("acc_1") == first
    with pytest.raises(NotHoldable, match="another hold with the id 'hold_1'"):
        place("acc_2")
    assert in_force(world) == {"ACCOUNT#acc_1"}

    holding.release(world.store, "hold_1", by="b", deadline=Deadline.never())
    with pytest.raises(HoldReleased):
        place("acc_1")
    assert in_force(world) == set()


def test_a_store_that_is_slow_to_place_a_hold_puts_off_the_time_from_which_it_is_in_force(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    transact = world.store.client.transact_write_items

    def slow(**arguments: Any) -> Any:
        clock.run(20)
        return transact(**arguments)

    monkeypatch.setattr(world.store.client, "transact_write_items", slow)
    covered = Covered(account_id=ACCOUNT)
    found = holding.place(world.store, covered, reason="r", by="b", deadline=Deadline.never())

    assert found.in_force_from == timestamps.millis(clock.began + timedelta(seconds=80))
    assert list(holding.listed(world.store, Deadline.never())) == [found]
