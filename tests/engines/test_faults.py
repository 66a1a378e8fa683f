"""What the service reports is what was committed, whatever happens between it and DynamoDB."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from cli import server
from tests.engines.conftest import serving
from tests.engines.tenant import Tenant

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.engine

Faults = Callable[..., None]


def _free_port() -> int:
    with closing(server.listen(0, "--port")) as listener:
        port: int = listener.getsockname()[1]
        return port


def _send(url: str, method: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 - our own loopback server
        return json.load(reply)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        try:
            _send(f"{url}/_microburst/health", "GET")
        except OSError:
            continue
        return
    pytest.fail("microburst did not start")


@pytest.fixture(scope="module")
def troublesome(dynamodb_url: str) -> Iterator[str]:
    """A way to the engine through microburst, which can be told to fail."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = ["-m", "microburst", "--host", "127.0.0.1", "--port", str(port), "--upstream", dynamodb_url]
    with subprocess.Popen([sys.executable, *command], stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            _wait_until_ready(url, process)
            yield url
        finally:
            process.kill()  # it would wait for the connections that it holds


@pytest.fixture(scope="module")
def api(troublesome: str) -> Iterator[str]:
    with serving(troublesome) as url:
        yield url


@pytest.fixture
def faults(troublesome: str) -> Iterator[Faults]:
    """Have DynamoDB calls fail in these ways until the test ends; checks that they did."""

    def set_rules(*rules: dict[str, Any]) -> None:
        _send(f"{troublesome}/_microburst/fired", "DELETE")
        _send(f"{troublesome}/_microburst/rules", "POST", [{"service": "dynamodb", **rule} for rule in rules])

    yield set_rules
    assert _send(f"{troublesome}/_microburst/fired", "GET")
    _send(f"{troublesome}/_microburst/rules", "POST", [])


@pytest.fixture
def tenant(api: str, dynamodb: "DynamoDBClient") -> Tenant:
    tenant = Tenant(dynamodb)
    tenant.load(tenant.message(number) for number in range(1000))
    with tenant.client(api) as hookbridge:  # the function is warm, its key known, before anything fails
        hookbridge.delete_inbound_messages_all(status="queued")
    return tenant


def _delete(tenant: Tenant, api: str) -> Any:
    with tenant.client(api) as hookbridge:
        return hookbridge.delete_inbound_messages_all()


@pytest.mark.parametrize(
    "fault",
    [
        {"probability": 0.3, "error": {"code": "ProvisionedThroughputExceededException"}},
        {"probability": 0.3, "error": {"code": "ThrottlingException"}},
        {"times": 4, "error": {"code": "InternalServerError", "status": 500}},
        {"times": 4, "reset": True},
        {"operation": "TransactWriteItems", "probability": 0.3, "response": {"abort_frac": 0.3}},
        {"operation": "Query", "times": 2, "response": {"abort_frac": 0.3}},
        {"operation": "TransactWriteItems", "times": 4, "response": {"truncate_frac": 0.5}},
        {"operation": "Query", "times": 2, "response": {"truncate_frac": 0.5}},
    ],
    ids=str,
)
def test_trouble_that_passes_leaves_no_trace(
    tenant: Tenant, api: str, faults: Faults, fault: dict[str, Any]
) -> None:
    faults(fault)

    result = _delete(tenant, api)

    assert result.error is None
    assert result.deleted_message_ids == [tenant.id(number) for number in range(1000)]
    assert list(tenant.flagged(range(1000)).values()) == [1000]


def test_when_no_write_is_ever_answered_what_was_committed_is_reported(
    tenant: Tenant, api: str, faults: Faults
) -> None:
    faults({"operation": "TransactWriteItems", "response": {"abort_frac": 0}})

    result = _delete(tenant, api)

    committed = tenant.flagged(range(1000))
    assert result.deleted == 1000 - committed[""]
    assert result.deleted > 0


def test_when_the_store_fails_half_way_what_was_committed_is_reported(
    tenant: Tenant, api: str, faults: Faults
) -> None:
    faults({"operation": "TransactWriteItems", "sequence": {"fail": 60, "pass": 1}, "reset": True})

    result = _delete(tenant, api)

    assert result.deleted == 1000 - tenant.flagged(range(1000))[""]
    assert result.error is not None
    assert result.error.code == ("PARTIAL_DELETE_FAILURE" if result.deleted else "DELETE_FAILED")
    assert "store unavailable" in result.error.message


def test_when_the_store_throttles_without_end_the_answer_comes_in_time_and_says_so(
    tenant: Tenant, api: str, faults: Faults
) -> None:
    faults({"operation": "TransactWriteItems", "error": {"code": "ThrottlingException"}})

    result = _delete(tenant, api)

    assert (result.deleted, result.error.code) == (0, "DELETE_FAILED")
    assert "store throttled" in result.error.message
    assert set(tenant.flagged(range(1000))) == {""}


def test_when_the_store_hangs_the_answer_comes_in_time_and_is_true(
    tenant: Tenant, api: str, faults: Faults
) -> None:
    faults({"operation": "TransactWriteItems", "timeout_ms": 60_000})

    result = _delete(tenant, api)

    assert (result.deleted, result.error.code) == (0, "DELETE_FAILED")
    assert set(tenant.flagged(range(1000))) == {""}
