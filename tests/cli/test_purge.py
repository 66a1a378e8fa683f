import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from cli.dynamodb import create_table
from cli.main import run
from cli.purge import FUNCTION
from cli.template import functions
from expunge.settings import settings
from expunge.table import keys
from expunge.table.store import key
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

DELETED = {
    "deleted_at": "2025-05-01T00:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2025-05-31T00:00:00.000Z",
}


@pytest.fixture(autouse=True)
def _fresh_settings() -> "Iterator[None]":
    """The command is a process of its own; here it shares one with all tests."""
    settings.cache_clear()
    yield
    settings.cache_clear()


def purge(*options: str) -> int:
    return run(["purge", "--dynamodb-url", "aws", *options])


def test_the_result_is_one_line_of_json(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.message(1, **DELETED)
    world.message(2, **DELETED | {"purge_at": "9999-05-31T00:00:00.000Z"})

    assert purge() == 0
    assert capsys.readouterr() == ('{"purged": 1, "resumed": 0, "remaining": false}\n', "")
    assert [item["purge_at"] for item in world.items()] == ["9999-05-31T00:00:00.000Z"]


@pytest.mark.parametrize(
    ("now", "purged"), [("2025-05-30T23:59:59.999Z", 0), ("2025-05-31T02:00:00+02:00", 1)]
)
def test_now_is_another_time_if_asked(
    world: World, capsys: pytest.CaptureFixture[str], now: str, purged: int
) -> None:
    world.message(1, **DELETED)

    assert purge("--now", now) == 0
    assert json.loads(capsys.readouterr().out)["purged"] == purged
    assert len(world.items()) == 1 - purged


def test_another_table_is_purged_if_asked(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    create_table(world.store.client, "other")
    world.message(1, **DELETED)

    assert purge("--table", "other") == 0
    assert json.loads(capsys.readouterr().out)["purged"] == 0
    assert len(world.items()) == 1


@pytest.mark.usefixtures("world")
def test_the_environment_is_left_as_it_was() -> None:
    before = dict(os.environ)

    assert purge("--table", "other") == 1
    assert dict(os.environ) == before


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("now", ["yesterday", "2025-05-31", "2025-05-31T00:00:00"])
def test_a_now_that_is_no_time_is_wrong_use(capsys: pytest.CaptureFixture[str], now: str) -> None:
    assert purge("--now", now) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert (
        err
        == f"expunge: Invalid value for '--now': '{now}' is no RFC 3339 time such as 2026-04-05T14:23:11Z.\n"
    )


@pytest.mark.usefixtures("world")
def test_a_table_that_is_not_there_is_named_as_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert purge("--table", "missing") == 1
    reason = "the table is not there; `expunge serve` and `sam deploy` create it, --table names another"
    assert capsys.readouterr() == ("", f"expunge: {reason}\n")


@pytest.mark.usefixtures("world")
def test_the_function_has_the_time_that_it_has_in_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def spy(event: Any, context: Any) -> dict[str, Any]:
        given.extend([event, round(context.get_remaining_time_in_millis() / 1000)])
        return {}

    monkeypatch.setattr("purge.run", spy)
    assert purge() == 0
    [timeout] = [function.timeout for function in functions() if function.name == FUNCTION]
    assert given == [{"force": False}, timeout]


def test_a_now_in_the_future_is_wrong_use_unless_forced(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.message(1, **DELETED | {"purge_at": "2998-12-31T00:00:00.000Z"})

    assert purge("--now", "2999-01-01T00:00:00Z") == 2
    assert capsys.readouterr() == (
        "",
        (
            "expunge: Invalid value for '--now': 2999-01-01T00:00:00Z is more than 5 minutes ahead of the"
            " clock; --force takes it all the same.\n"
        ),
    )
    assert len(world.items()) == 1

    assert purge("--now", "2999-01-01T00:00:00Z", "--force") == 0
    assert capsys.readouterr() == ('{"purged": 1, "resumed": 0, "remaining": false}\n', "")


@pytest.mark.parametrize(("days", "purged"), [("30", 1), ("31", 0), ("0", 1)])
def test_the_retention_in_force_can_be_given(
    world: World, capsys: pytest.CaptureFixture[str], days: str, purged: int
) -> None:
    world.message(1, **DELETED)

    assert purge("--now", "2025-05-31T00:00:00Z", "--retention-days", days) == 0
    assert json.loads(capsys.readouterr().out) == {"purged": purged, "resumed": 0, "remaining": False}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "name its bucket with --content-bucket"),
        (["--content-bucket", "other"], "it is in another bucket than other, or S3 did not remove it"),
    ],
)
def test_what_stays_because_of_its_content_in_s3_is_said(
    world: World, capsys: pytest.CaptureFixture[str], options: list[str], why: str
) -> None:
    world.message(1, **DELETED)
    world.name_content(world.items()[0]["pk"], "s3://contents/1")

    assert purge(*options) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["content_left"] == 1
    assert err == f"expunge: 1 message not removed, whose content is in S3: {why}.\n"


def test_another_run_at_work_is_named_as_the_reason_for_doing_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.message(1, **DELETED)
    held = {"holder_id": {"S": "another"}, "leased_until": {"S": "2999-01-01T00:00:00.000Z"}}
    item: Any = key(keys.LEASE, keys.PURGE) | held
    world.store.client.put_item(TableName=world.store.table, Item=item)

    assert purge() == 0
    assert capsys.readouterr() == (
        '{"purged": 0, "resumed": 0, "remaining": true}\n',
        (
            "expunge: Another run is at work; its lease lasts until 2999-01-01T00:00:00.000Z and longer while"
            " it works.\n"
        ),
    )
    assert len(world.items()) == 1
