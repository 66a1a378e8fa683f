"""Content in S3 goes with its message, every version of it, and nothing else does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from delete_inbound_messages import handler as delete_all
from delete_message import handler as delete_message
from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions import contents, emptying, holding, holds, purging
from expunge.deletions.covered import Covered
from expunge.linked import providers
from expunge.settings import provider as provider_settings
from expunge.table import keys
from purge import handler as purge
from restore_deletion import handler as restore
from tests.bucket import NAME, Bucket, intercept_all, may_delete_from, s3
from tests.clock import Clock
from tests.upstream import Upstream, upstream
from tests.world import ACCOUNT, INBOUND, LINKED, Context, Reply, World, at, call, message_id

Logged = Callable[[], list[dict[str, Any]]]

DELETION = {
    "deleted_at": "2025-05-02T12:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2025-06-01T12:00:00.000Z",
}
UNANSWERED = EndpointConnectionError(endpoint_url="https://s3.example")


@pytest.fixture(autouse=True)
def known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.api_key()
    may_delete_from(NAME, monkeypatch)
    monkeypatch.setattr(emptying, "_AT_ONCE", 1)  # moto's S3 takes one call at a time
    monkeypatch.setattr(purging, "_AT_ONCE", 1)


@pytest.fixture
def bucket(world: World) -> Bucket:
    """A bucket with versions."""
    del world
    return Bucket(s3())


def named(world: World, number: int, url: str, **fields: str) -> None:
    """A message whose content is there; deleted and due long since, unless its fields say otherwise."""
    record = {"kind": "inbound_message", "account_id": ACCOUNT, "id": message_id(number), "content_url": url}
    where = {"inbound_endpoint_id": INBOUND, "status": "succeeded", "received_at": at(number)}
    world.load(record | where | (fields or DELETION))


def run(context: Context | None = None) -> dict[str, Any]:
    return purge({"time": "2999-01-01T00:00:00Z", "force": True}, context or Context())


def purged(number: int) -> dict[str, Any]:
    return {"purged": number, "resumed": 0, "remaining": False}


def rows(world: World) -> dict[str, dict[str, str]]:
    return {item["id"]: item for item in world.items()}


def test_every_version_goes_with_the_message_and_nothing_else(world: World, bucket: Bucket) -> None:
    named(world, 1, bucket.put("in/1", versions=3))
    bucket.hide("in/1")
    named(world, 2, bucket.put("in/2"))
    world.message(3, **DELETION)
    for other in ("in/10", "in/1/x", "in/", "in", "In/1", "in/1 "):
        bucket.put(other)
    others = bucket.left()
    named(world, 4, "s3://contents/in/10", status="succeeded")

    assert run() == purged(3)
    assert bucket.left() == [each for each in others if each not in ("in/1", "in/2")]
    assert set(rows(world)) == {message_id(4)}
    assert set(world.tombstones()) == {
        keys.message("INBOUND", ACCOUNT, message_id(each)) for each in (1, 2, 3)
    }
    assert all(set(each) == TOMBSTONE for each in world.tombstones().values())


TOMBSTONE = {"sk", "delete_request_id", "purged_at", "keep_until"}


def test_more_versions_than_a_page_holds_go_as_well(
    world: World, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "_PAGE", 2)
    named(world, 1, bucket.put("a", versions=5))
    bucket.put("ab", versions=3)

    assert run() == purged(1)
    assert bucket.left() == ["ab"] * 3


def test_a_bucket_without_versions_will_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    may_delete_from("plain", monkeypatch)
    plain = Bucket(s3(), "plain", versioned=False)
    named(world, 1, plain.put("a"))
    plain.put("b")

    assert run() == purged(1)
    assert plain.left() == ["b"]


def test_an_object_that_is_gone_already_holds_up_nothing(world: World, bucket: Bucket) -> None:
    named(world, 1, "s3://contents/gone")

    assert run() == purged(1)
    assert bucket.left() == []


ODD = [
    "a/../b",
    "../other/secret",
    "./a",
    "/",
    "//a",
    "a//b",
    "%2e%2e%2fother",
    "a%20b",
    "a+b",
    "a b",
    " a ",
    "a?versionId=1#x",
    "a&b<c>\"d'",
    "caf\u00e9",
    "cafe\u0301",
    "\U0001f600",
    "k" * 1024,
    "s3://other/secret",
]


def test_a_key_is_opaque_and_names_itself_only(world: World, bucket: Bucket) -> None:
    """Decoded, normalised or shortened, each of these would be another object, some of another bucket."""
    other = Bucket(s3(), "other")
    for key in ("secret", "x"):
        other.put(key)
    bystanders = [
        "b",
        "a",
        "secret",
        "other/secret",
        "../other",
        "a/b",
        "a b%20",
        "cafe",
        "kk",
        "versionId=1",
    ]
    for key in bystanders:
        bucket.put(key)
    for number, key in enumerate(ODD):
        named(world, number, bucket.put(key))

    assert run() == purged(len(ODD))
    assert sorted(bucket.left()) == sorted(bystanders)
    assert other.left() == ["secret", "x"]


ASTRAY = [
    "s3://other/secret",
    "s3://contents",
    "s3://contents/",
    "S3://contents/secret",
    "s3:/contents/secret",
    "s3://contents.s3.amazonaws.com/secret",
    "https://contents/secret",
    "file:///etc/passwd",
    "s3://Contents/secret",
    "s3://other@contents/secret",
    "s3://contents/../other\nsecret",
    "s3://contents/a\x00b",
    "s3://arn:aws:s3:::other/secret",
    "s3://contents/" + "k" * 1025,
    "s3://contents/" + "\u00e9" * 513,
    "contents/secret",
    "x",
]


def test_what_names_nothing_in_the_bucket_stays_and_is_seen_and_holds_up_nobody(
    world: World, bucket: Bucket, logged: Logged
) -> None:
    """Only a writer of its own can have stored such addresses."""
    other = Bucket(s3(), "other")
    other.put("secret")
    bucket.put("secret")
    named(world, 98, bucket.put("a"))
    world.message(99, **DELETION)
    for number, url in enumerate(ASTRAY):
        named(world, number, "s3://contents/b")
        world.name_content(keys.message("INBOUND", ACCOUNT, message_id(number)), url)
    before = {id_: row for id_, row in rows(world).items() if row.get("content_url") in ASTRAY}
    assert len(before) == len(ASTRAY)

    # It is no use to try again at once, so who repeats a run while some remain has come to an end.
    assert run() == purged(2) | {"content_left": len(ASTRAY)}
    assert rows(world) == before
    assert (bucket.left(), other.left()) == (["secret"], ["secret"])
    lines = logged()
    assert [line["ContentLeft"] for line in lines if "ContentLeft" in line] == [[len(ASTRAY)]]
    [said] = [line for line in lines if line.get("level") == "ERROR"]
    assert said["reasons"] == {"it is not in the bucket": len(ASTRAY)}
    assert said["deletions"] == ["req_1"]
    assert "passwd" not in str(lines)


@pytest.fixture
def operations_of_s3(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []

    def note(operation: str, make: Callable[[], Any]) -> Any:
        made.append(operation)
        return make()

    intercept_all(monkeypatch, note)
    return made


def test_without_a_bucket_what_names_one_stays(
    world: World, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_delete_from("", monkeypatch)
    named(world, 1, bucket.put("a"))

    assert run() == purged(0) | {"content_left": 1}
    assert (bucket.left(), set(rows(world))) == (["a"], {message_id(1)})
    # It can still be restored: nothing of it was touched.
    assert "erased_at" not in rows(world)[message_id(1)]


def test_rows_without_an_address_never_meet_s3(
    world: World, bucket: Bucket, operations_of_s3: list[str]
) -> None:
    del bucket
    world.message(1, **DELETION)
    operations_of_s3.clear()

    assert run() == purged(1)
    assert [each for each in operations_of_s3 if each in CALLS] == ["TransactWriteItems"]


def failing(operation: str, error: Exception) -> Callable[[str, Callable[[], Any]], Any]:
    def fail(name: str, make: Callable[[], Any]) -> Any:
        if name == operation:
            raise error
        return make()

    return fail


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


def test_a_restore_before_the_purge_leaves_the_content(world: World, bucket: Bucket) -> None:
    named(world, 1, bucket.put("a"), status="succeeded")
    done = call(delete_all)
    assert done.data["deleted"] == 1

    assert restored(done).data["restored"] == 1
    assert run() == purged(0)
    assert (bucket.left(), world.live()) == (["a"], {message_id(1)})
    assert rows(world)[message_id(1)]["content_url"] == "s3://contents/a"


def restored(done: Reply) -> Reply:
    return call(restore, path={"request_id": done.headers["x-request-id"]})


CALLS = [
    "TransactWriteItems",  # refused: it has content in S3
    "TransactWriteItems",  # that it is being erased
    "ListObjectVersions",
    "DeleteObjects",
    "TransactWriteItems",  # the tombstone
]
"""Those of a purge that remove something."""


@contextmanager
def at_the_call(moment: int, act: Callable[[Callable[[], Any]], Any]) -> Iterator[list[str]]:
    """Have something happen at one of these calls; yields those that were made, apart from that."""
    made: list[str] = []
    acting: list[bool] = []

    def note(operation: str, make: Callable[[], Any]) -> Any:
        if operation not in CALLS or acting:
            return make()
        made.append(operation)
        if len(made) != moment + 1:
            return make()
        acting.append(True)
        try:
            return act(make)
        finally:
            acting.clear()

    with pytest.MonkeyPatch.context() as patch:
        intercept_all(patch, note)
        yield made


@pytest.mark.parametrize("moment", range(len(CALLS)))
def test_whoever_comes_first_gets_all_of_it_restore_or_purge(
    world: World, bucket: Bucket, moment: int
) -> None:
    """A restore between every two calls of a purge: the message lives with its content, or goes with it."""
    named(world, 1, bucket.put("a"), status="succeeded")
    done = call(delete_all)

    def restore_first(make: Callable[[], Any]) -> Any:
        restored(done)
        return make()

    with at_the_call(moment, restore_first) as made:
        run()
    assert made == (CALLS[: moment + 1] if moment < 2 else CALLS)
    run()

    expected = (["a"], {message_id(1)}) if moment < 2 else ([], set())
    assert (bucket.left(), world.live()) == expected
    assert set(rows(world)) == expected[1]


class Died(BaseException):
    """The function's process ended."""


@pytest.mark.parametrize("after", ["before the call", "after it"])
@pytest.mark.parametrize("moment", range(len(CALLS)))
def test_wherever_the_purge_dies_the_next_run_removes_what_is_left(
    world: World, bucket: Bucket, moment: int, after: str
) -> None:
    named(world, 1, bucket.put("a", versions=2))

    def die(make: Callable[[], Any]) -> Any:
        if after == "after it":
            with suppress(ClientError):
                make()
        raise Died

    with at_the_call(moment, die) as made, suppress(Died):
        run()
    assert made == CALLS[: moment + 1]
    for row in rows(world).values():
        # Never a record without its content that could still be restored.
        assert len(bucket.left()) == 2 or "erased_at" in row
    world.store.delete(keys.LEASE, keys.PURGE, Deadline.never())

    run()
    assert (bucket.left(), rows(world)) == ([], {})
    assert len(world.tombstones()) == 1


def test_a_message_that_stays_longer_keeps_its_content(world: World, bucket: Bucket) -> None:
    now = timestamps.now()
    deleted_at = timestamps.millis(now - timedelta(days=1))
    named(world, 1, bucket.put("a"), **DELETION | {"deleted_at": deleted_at})

    assert purge({}, Context()) == purged(0)
    assert bucket.left() == ["a"]
    assert world.deleted() == {message_id(1)}
    assert "erased_at" not in rows(world)[message_id(1)]


@pytest.fixture
def provider(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """A linked account, and its provider, which says yes."""
    world.linked_account()
    with upstream() as there:
        for name in ("WHATSAPP", "LINKEDIN"):
            monkeypatch.setenv(f"{name}_BASE_URL", there.url)
            monkeypatch.setenv(f"{name}_KEY_NAME", "/key")
        monkeypatch.setattr(providers, "provider_key", lambda _: "key")
        provider_settings.cache_clear()
        yield there
        provider_settings.cache_clear()


def linked(world: World, url: str) -> None:
    world.linked_message()
    world.name_content(keys.linked_message(ACCOUNT, LINKED), url)


def delete_linked() -> Reply:
    return call(delete_message, path={"message_id": LINKED}, headers={"x-api-key": "hb_live_1"})


@pytest.mark.usefixtures("provider")
def test_a_linked_messages_object_goes_at_once(world: World, bucket: Bucket) -> None:
    linked(world, bucket.put("a", versions=2))
    bucket.put("b")

    assert delete_linked().status == 200
    assert bucket.left() == ["b"]
    assert "erased_at" in world.items()[0]

    assert run() == purged(1)
    assert set(world.tombstones()) == {keys.linked_message(ACCOUNT, LINKED)}


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("operation", ["ListObjectVersions", "DeleteObjects"])
def test_a_linked_messages_object_that_cannot_go_at_once_is_left_to_the_purge(
    world: World, bucket: Bucket, operation: str, logged: Logged
) -> None:
    linked(world, bucket.put("a"))

    with pytest.MonkeyPatch.context() as patch:
        intercept_all(patch, failing(operation, UNANSWERED))
        assert delete_linked().status == 200
    assert bucket.left() == ["a"]
    assert [line["level"] for line in logged() if "level" in line] == ["WARNING"]
    # For good all the same: flagged, erased and due at once.
    [item] = world.items()
    assert item["purge_at"] == item["erased_at"] == item["deleted_at"]

    assert run() == purged(1)
    assert bucket.left() == []


def test_a_provider_that_says_no_leaves_the_object(world: World, bucket: Bucket, provider: Upstream) -> None:
    linked(world, bucket.put("a"))
    provider.says(500)

    assert delete_linked().status == 500
    assert bucket.left() == ["a"]
    assert world.deleted() == set()


def test_what_is_held_keeps_its_content_and_goes_once_it_is_released(world: World, bucket: Bucket) -> None:
    named(world, 1, bucket.put("a"))
    named(world, 2, bucket.put("b"))
    hold = holding.place(
        world.store,
        Covered(account_id=ACCOUNT, messages=(message_id(1),)),
        reason="r",
        by="me",
        deadline=Deadline.never(),
    )

    assert run() == purged(1) | {"held": 1}
    assert bucket.left() == ["a"]
    assert "erased_at" not in rows(world)[message_id(1)]

    holding.release(world.store, hold.id, by="me", deadline=Deadline.never())
    assert run() == purged(1)
    assert bucket.left() == []


def test_a_hold_that_comes_while_the_purge_is_at_work_keeps_what_is_not_noted_as_erased(
    world: World, bucket: Bucket
) -> None:
    named(world, 1, bucket.put("a"))

    def place(make: Callable[[], Any]) -> Any:
        holding.place(
            world.store, Covered(account_id=ACCOUNT), reason="r", by="me", deadline=Deadline.never()
        )
        return make()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(holds, "_FRESH", timedelta(0))  # read again for each step
        with at_the_call(0, place) as made:
            assert run()["held"] == 1
    assert made == [*CALLS[:1], "TransactWriteItems"]  # it is set aside
    assert bucket.left() == ["a"]
    assert "erased_at" not in rows(world)[message_id(1)]


def test_no_object_is_removed_by_holds_that_were_read_too_long_ago(
    world: World, bucket: Bucket, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(world, 1, bucket.put("a"))
    named(world, 2, bucket.put("b"))
    remove = contents.Contents.remove

    def slow(self: contents.Contents, url: str, deadline: Deadline) -> None:
        """S3 takes more than a minute for the first one, and meanwhile a hold comes into force."""
        monkeypatch.setattr(contents.Contents, "remove", remove)
        covered = Covered(account_id=ACCOUNT)
        holding.place(world.store, covered, reason="r", by="me", deadline=Deadline.never())
        clock.run(70)
        remove(self, url, deadline)

    monkeypatch.setattr(contents.Contents, "remove", slow)

    assert run(clock.invocation(270)) == {"purged": 0, "resumed": 0, "remaining": False, "held": 2}
    assert len(bucket.left()) == 1
    assert len(rows(world)) == 2
