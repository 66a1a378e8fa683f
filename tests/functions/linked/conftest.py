"""A linked account, its message and its provider."""

from collections.abc import Iterator

import pytest

from expunge import settings
from expunge.linked import providers
from tests.functions.linked.message import PROVIDER_KEY
from tests.upstream import Upstream, upstream
from tests.world import World


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    world.api_key()
    world.linked_account()
    world.linked_message()


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    with upstream() as there:
        settings.provider.cache_clear()
        for name in ("WHATSAPP", "LINKEDIN"):
            monkeypatch.setenv(f"{name}_BASE_URL", there.url)
            monkeypatch.setenv(f"{name}_KEY_NAME", f"/keys/{name.lower()}")
        monkeypatch.setattr(providers, "provider_key", lambda name: f"{PROVIDER_KEY}-of{name}")
        yield there
        settings.provider.cache_clear()
