"""Content in S3 goes with its message, every version of it, and nothing else does."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from expunge import timestamps
from expunge.deletions import contents
from expunge.table import keys
from purge import handler as purge
from tests.bucket import Bucket, intercept_all, may_delete_from, s3
from tests.functions.contents.named import CALLS, DELETION, Logged, named, purged, rows, run
from tests.world import ACCOUNT, Context, World, message_id


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


TOMBSTONE = {"sk", "delete_request_id", "purged_at", "purge_mark", "keep_until"}


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


def test_a_message_that_stays_longer_keeps_its_content(world: World, bucket: Bucket) -> None:
    now = timestamps.now()
    deleted_at = timestamps.millis(now - timedelta(days=1))
    named(world, 1, bucket.put("a"), **DELETION | {"deleted_at": deleted_at})

    assert purge({}, Context()) == purged(0)
    assert bucket.left() == ["a"]
    assert world.deleted() == {message_id(1)}
    assert "erased_at" not in rows(world)[message_id(1)]
