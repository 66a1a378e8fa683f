"""The content of a linked account's message goes with it at once, or with the next purge."""

from collections.abc import Iterator

import pytest

from delete_message import handler as delete_message
from expunge.linked import providers
from expunge.settings import provider as provider_settings
from expunge.table import keys
from tests.bucket import Bucket, intercept_all
from tests.functions.contents.named import UNANSWERED, Logged, failing, purged, run
from tests.upstream import Upstream, upstream
from tests.world import ACCOUNT, LINKED, Reply, World, call


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
