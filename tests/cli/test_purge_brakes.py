"""`expunge purge pause`, `resume`, `status`, `--dry-run` and `history`, and a run that has removed enough."""

import json
import re
from typing import Any

import pytest

from cli.main import run
from expunge.deadline import Deadline
from expunge.deletions import brakes, holding, purging, runs
from expunge.deletions.covered import Covered
from expunge.settings import purge_stops_above, settings
from expunge.table.store import store
from purge import handler
from tests.clock import Clock
from tests.disturbances import pause_with_the_next_transaction
from tests.world import ACCOUNT, SUB_KEY, Context, World

DUE = {
    "deleted_at": "2025-05-01T00:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2025-05-31T00:00:00.000Z",
}
LATER = DUE | {"purge_at": "2998-05-31T00:00:00.000Z"}

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _fresh_settings() -> Any:
    for each in (settings, purge_stops_above):
        each.cache_clear()
    yield
    for each in (settings, purge_stops_above):
        each.cache_clear()


def purge(capsys: Capture, *arguments: str) -> Any:
    assert run(["purge", *arguments, "--dynamodb-url", "aws"]) == 0
    return json.loads(capsys.readouterr().out)


def left(world: World) -> int:
    return sum("purged_at" not in item for item in world.items())


def test_a_paused_purge_removes_nothing_until_it_is_resumed(world: World, capsys: Capture) -> None:
    world.message(1, **DUE)
    assert purge(capsys, "status") == {"paused": False}

    paused = purge(capsys, "pause", "--by", "ops")
    assert paused == {"paused": True, "since": paused["since"], "by": "ops"}
    assert purge(capsys, "pause", "--by", "another") == paused
    assert purge(capsys, "status") == paused
    assert purge(capsys) == {"purged": 0, "resumed": 0, "remaining": True, "paused": True}
    assert left(world) == 1

    resumed = purge(capsys, "resume")
    assert resumed == {"paused": False, "since": resumed["since"], "by": "operator"}
    assert purge(capsys) == {"purged": 1, "resumed": 0, "remaining": False}


def test_a_run_by_hand_that_is_paused_says_who_paused_it_and_what_ends_that(
    world: World, capsys: Capture
) -> None:
    world.message(1, **DUE)
    since = purge(capsys, "pause", "--by", "ops")["since"]

    assert run(["purge", "--dynamodb-url", "aws"]) == 0
    assert (
        capsys.readouterr().err
        == f"expunge: the purge was paused by ops at {since}; `expunge purge resume` ends that.\n"
    )


def test_how_long_the_purge_is_paused_is_measured(clock: Clock, capsys: Capture) -> None:
    brakes.write(store(), paused=True, by="ops", deadline=Deadline.never())
    clock.run(90)

    handler({}, clock.invocation(270))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [[paused_for]] = [line["PausedFor"] for line in lines if "PausedFor" in line]
    assert 90 <= paused_for < 91


def test_a_run_in_progress_stops_within_a_thousand_messages_of_a_pause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here with five messages to a transaction, so within a hundred."""
    monkeypatch.setattr(purging, "ROWS", 5)
    for number in range(150):
        world.message(number, **DUE)
    pause_with_the_next_transaction(monkeypatch)
    result = handler({}, Context())

    assert result == {"purged": result["purged"], "resumed": 0, "remaining": True, "paused": True}
    assert 150 - left(world) == result["purged"] <= 100


@pytest.mark.slow
def test_a_run_that_has_removed_as_many_as_one_may_stops_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("PURGE_STOPS_ABOVE", "60")
    for number in range(70):
        world.message(number, **DUE)

    first, second = (handler({}, Context()) for _ in range(2))

    stopped = {"stopped": "as many as one run may remove"}
    assert first == {"purged": 60, "resumed": 0, "remaining": True, **stopped}
    assert second == {"purged": 10, "resumed": 0, "remaining": False}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["StoppedAtLimit"] for line in lines if "StoppedAtLimit" in line] == [[1]]


def test_a_run_that_removes_exactly_as_many_as_one_may_is_not_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PURGE_STOPS_ABOVE", "2")
    world.message(1, **DUE)
    world.message(2, **DUE)

    assert handler({}, Context()) == {"purged": 2, "resumed": 0, "remaining": False}


def test_a_dry_run_counts_what_is_due_and_changes_nothing(world: World, capsys: Capture) -> None:
    world.message(1, **DUE)
    world.message(2, **LATER, account_id="acc_2")
    world.message(3, **DUE | {"deleted_at": "2025-05-30T00:00:00.000Z"})
    world.message(4)
    world.event(5, **DUE)
    world.channel_messages("ch", 1, 2, **DUE)
    world.linked_message(**DUE)
    covered = Covered(account_id=ACCOUNT, endpoint_id="la_1")
    holding.place(world.store, covered, reason="r", by="b", deadline=Deadline.never())
    before = world.store.client.scan(TableName=world.store.table)["Items"]

    found = purge(capsys, "--dry-run", "--now", "2025-05-31T00:00:00Z")
    assert found == {
        "due": 4,
        "held": 1,
        "by_family": {"channel": 2, "inbound": 1, "pull": 1},
        "by_account": {SUB_KEY: 2, ACCOUNT: 2},
    }
    later = purge(capsys, "--dry-run", "--now", "2999-01-01T00:00:00Z")
    assert later["by_account"] == {SUB_KEY: 2, ACCOUNT: 3, "acc_2": 1}
    assert world.store.client.scan(TableName=world.store.table)["Items"] == before

    done = purge(capsys, "--now", "2999-01-01T00:00:00Z", "--force")
    assert (done["purged"], done["held"]) == (later["due"], later["held"]) == (6, 1)
    again = purge(capsys, "--dry-run", "--now", "2999-01-01T00:00:00Z")
    assert again == {"due": 0, "held": 1, "by_family": {}, "by_account": {}}


def test_what_each_run_did_is_shown_newest_first(world: World, capsys: Capture) -> None:
    world.message(1, **DUE)
    world.channel_messages("ch", 1, **DUE)
    covered = Covered(sub_key=SUB_KEY)
    holding.place(world.store, covered, reason="r", by="b", deadline=Deadline.never())
    purge(capsys)
    purge(capsys, "pause")
    purge(capsys)

    assert run(["purge", "history", "--dynamodb-url", "aws"]) == 0
    last, first = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["started_at"] <= first["ended_at"] <= last["started_at"] <= last["ended_at"]
    for each in (first, last):
        del each["started_at"], each["ended_at"]
    assert first == {"purged": 1, "resumed": 0, "held": 1, "remaining": False}
    assert last == {"purged": 0, "resumed": 0, "held": 0, "remaining": True, "stopped": "paused"}

    assert run(["purge", "history", "--limit", "1", "--dynamodb-url", "aws"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    items = world.store.client.scan(TableName=world.store.table)["Items"]
    assert sum("keep_until" in item and item["pk"]["S"] == "PURGE_RUN" for item in items) == 2


def test_what_a_run_left_because_of_its_content_is_shown_of_that_run(world: World, capsys: Capture) -> None:
    world.message(1, **DUE)
    world.name_content(world.items()[0]["pk"], "s3://contents/1")
    purge(capsys)
    runs.Run().end(world.store, Deadline.never(), {"purged": 5, "in_doubt": 2, "remaining": False}, None)
    runs.Run().end(world.store, Deadline.never(), {"purged": 6, "remaining": False}, None)

    assert run(["purge", "history", "--dynamodb-url", "aws"]) == 0
    told = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [(each.get("in_doubt"), each.get("content_left")) for each in told] == [
        (None, None),
        (2, None),
        (None, 1),
    ]
    assert run(["purge", "history", "--format", "table", "--dynamodb-url", "aws"]) == 0
    heading, _, *rows = filter(str.strip, capsys.readouterr().out.splitlines())
    assert re.split(r"  +", heading.strip())[2:] == [
        "purged",
        "in doubt",
        "content left",
        "resumed",
        "held",
        "remaining",
    ]
    numbers = [[int(word) for word in row.split() if word.isdigit()] for row in rows[:3]]
    assert numbers == [[6, 0, 0], [5, 2, 0, 0], [0, 1, 0, 0]]


def test_a_table_of_runs_that_left_nothing_has_no_columns_for_it(world: World, capsys: Capture) -> None:
    world.message(1, **DUE)
    purge(capsys)

    assert run(["purge", "history", "--format", "table", "--dynamodb-url", "aws"]) == 0
    heading = capsys.readouterr().out
    assert "in doubt" not in heading
    assert "content left" not in heading


@pytest.mark.usefixtures("world")
def test_a_subcommand_takes_the_table_from_before_it_but_no_option_of_a_run(capsys: Capture) -> None:
    assert run(["purge", "--dynamodb-url", "aws", "status"]) == 0
    assert capsys.readouterr().out == '{"paused": false}\n'

    assert run(["purge", "--dry-run", "pause"]) == 2
    assert capsys.readouterr() == ("", "expunge: --dry-run is for a run, not for `purge pause`.\n")


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("arguments", [["history", "--limit", "0"], ["paus"], ["pause", "now"]])
def test_what_is_no_brake_is_wrong_use(capsys: Capture, arguments: list[str]) -> None:
    assert run(["purge", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("expunge: ")
