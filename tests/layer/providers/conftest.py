"""A provider on loopback, and the settings that lead to it."""

from collections.abc import Iterator

import pytest

from expunge import settings
from expunge.linked import providers
from tests.layer.providers.asking import KEY, Configure
from tests.upstream import Upstream, upstream


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Set the base URL of both providers."""

    def configure(url: str) -> None:
        settings.provider.cache_clear()
        for name in ("WHATSAPP", "LINKEDIN"):
            monkeypatch.setenv(f"{name}_BASE_URL", url)
            monkeypatch.setenv(f"{name}_KEY_NAME", "/keys/whatsapp")

    monkeypatch.setattr(providers, "provider_key", {"/keys/whatsapp": KEY}.__getitem__)
    yield configure
    settings.provider.cache_clear()


@pytest.fixture
def provider(configure: Configure) -> Iterator[Upstream]:
    with upstream() as there:
        configure(there.url)
        yield there
