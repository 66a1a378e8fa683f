"""The whole service on moto, with a provider, a queue, a bucket and a bus."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from cli.dynamodb import create_table
from expunge import settings
from expunge.deletions import emptying, purging
from expunge.linked import provider_keys
from expunge.table.store import CLIENT_CONFIG, Store
from expunge.telemetry import logger
from tests.bucket import NAME, may_delete_from
from tests.functions.spread import WORKERS
from tests.marked.marks import MARKS
from tests.marked.service import Service
from tests.stream import Bus
from tests.upstream import upstream
from tests.world import World


@pytest.fixture
def service(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> Iterator[Service]:
    """All of it on moto, with a provider."""
    bus = Bus()

    def logged() -> str:
        lines = [logger.registered_formatter.format(record) for record in caplog.records]
        return "\n".join([*lines, *capsys.readouterr()])

    caches = (settings.work_queue, settings.work_concurrency, settings.provider)
    with mock_aws(config={"core": {"reset_boto3_session": False}}), upstream() as provider:
        client = boto3.client("dynamodb", config=CLIENT_CONFIG)
        create_table(client, "expunge")
        service = Service(World(Store(client, "expunge")), provider, bus, logged)
        boto3.client("ssm").put_parameter(Name="/key", Value=MARKS["provider's key"], Type="SecureString")
        for name in ("WHATSAPP", "LINKEDIN"):
            monkeypatch.setenv(f"{name}_BASE_URL", provider.url)
            monkeypatch.setenv(f"{name}_KEY_NAME", "/key")
        monkeypatch.setenv("WORK_QUEUE_URL", service.work.url)
        monkeypatch.setenv("WORK_CONCURRENCY", str(WORKERS))
        may_delete_from(NAME, monkeypatch)
        monkeypatch.setattr("expunge.events.bus._client", lambda: bus)
        monkeypatch.setattr(emptying, "_AT_ONCE", 1)  # moto's S3 takes one call at a time
        monkeypatch.setattr(purging, "_AT_ONCE", 1)
        monkeypatch.setattr("time.sleep", lambda _: None)
        for cached in caches:
            cached.cache_clear()
        service.fill()
        yield service
        for cached in caches:
            cached.cache_clear()
        provider_keys.forget()
