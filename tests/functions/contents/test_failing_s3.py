"""An S3 that does not do its part keeps its messages and no others."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from expunge.deletions import emptying
from tests.bucket import Bucket, intercept_all
from tests.clock import Clock
from tests.functions.contents.named import DELETION, UNANSWERED, Logged, failing, named, purged, rows, run
from tests.functions.held import hold, release, waiting
from tests.world import ACCOUNT, World


def refusal(code: str, status: int = 403) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "")


@pytest.mark.parametrize("operation", ["ListObjectVersions", "DeleteObjects"])
@pytest.mark.parametrize(
    ("error", "remaining"),
    [(UNANSWERED, True), (refusal("AccessDenied"), False), (refusal("SlowDown", 503), True)],
    ids=str,
)
def test_an_s3_that_does_not_do_its_part_keeps_its_messages_and_no_others(
    world: World, bucket: Bucket, operation: str, error: Exception, remaining: object, logged: Logged
) -> None:
    for number in range(9):
        named(world, number, bucket.put(f"in/{number}"))
    for number in range(20, 25):
        world.message(number, **DELETION)

    with pytest.MonkeyPatch.context() as patch:
        intercept_all(patch, failing(operation, error))
        assert run() == purged(5) | {"remaining": remaining, "content_left": 9}
    assert len(bucket.left()) == len(rows(world)) == 9
    assert [line["ContentLeft"] for line in logged() if "ContentLeft" in line] == [[9]]

    assert run() == purged(9)
    assert (bucket.left(), rows(world)) == ([], {})


def test_an_s3_that_fails_is_not_asked_for_each_message(
    world: World, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emptying, "_AT_ONCE", 2)
    for number in range(30):
        named(world, number, f"s3://{bucket.name}/{number}")
    asked: list[str] = []

    def fail(operation: str, make: Callable[[], Any]) -> Any:
        if operation == "ListObjectVersions":
            asked.append(operation)
            raise UNANSWERED
        return make()

    with pytest.MonkeyPatch.context() as patch:
        intercept_all(patch, fail)
        assert run() == purged(0) | {"remaining": True, "content_left": 30}
    # Three in a row, and what was on its way at that moment.
    assert 3 <= len(asked) <= 4


def test_a_version_that_is_locked_holds_up_its_own_message_only(world: World, bucket: Bucket) -> None:
    for number in range(6):
        named(world, number, bucket.put(f"in/{number}"))
    locked = {"Errors": [{"Key": "x", "Code": "AccessDenied", "Message": "locked"}]}
    turns = iter([True, True, True, True, False, False])

    def lock_four(operation: str, make: Callable[[], Any]) -> Any:
        return locked if operation == "DeleteObjects" and next(turns) else make()

    with pytest.MonkeyPatch.context() as patch:
        intercept_all(patch, lock_four)
        assert run() == purged(2) | {"content_left": 4}
    assert len(bucket.left()) == len(rows(world)) == 4


def test_what_is_released_while_s3_fails_goes_once_s3_does_its_part_again(
    world: World, bucket: Bucket, clock: Clock
) -> None:
    named(world, 1, bucket.put("a"))
    hold_id = hold(world, account_id=ACCOUNT)
    assert run(clock.invocation(270))["held"] == 1
    release(world, hold_id)
    with pytest.MonkeyPatch.context() as patch:
        intercept_all(patch, failing("ListObjectVersions", UNANSWERED))
        for _ in range(3):
            assert run(clock.invocation(270)) == purged(0) | {"remaining": True, "content_left": 1}
            clock.run(300)
    assert waiting(world) == set()

    assert run(clock.invocation(270)) == purged(1)
    assert bucket.left() == []
