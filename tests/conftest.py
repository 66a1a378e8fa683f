import gc
import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # it has no types

from tests.as_deployed import environment

# Before anything reads them.
os.environ |= environment()

from expunge import timestamps
from expunge.background import queue
from expunge.deletions import contents
from expunge.events import bus
from expunge.history import access
from expunge.http import auth
from expunge.table import at_once, retries
from expunge.table.store import store
from expunge.telemetry import logger
from expunge.webhooks import customer_endpoints
from tests import engine, logbook, refusals, shortcut
from tests.clock import Clock
from tests.world import RunningOut, World

# The same examples in every run, so that a test that fails does so because of a change; those that are marked
# as engine tests look for new ones. `make test-all` takes the second profile.
hypothesis.settings.register_profile(
    "expunge", deadline=None, derandomize=True, print_blob=True, max_examples=25
)
hypothesis.settings.register_profile(
    "at-length",
    hypothesis.settings.get_profile("expunge"),
    max_examples=int(os.environ.get("EXAMPLES", "400")),
)
hypothesis.settings.load_profile("expunge")

# Every client, the functions' own too, is refused what AWS refuses.
refusals.install()
shortcut.install()


class _ByWhatIsShared(LoadScopeScheduling):  # type: ignore[misc] # likewise
    """Gives all tests of a file to one process, and those files too that share what takes long to start.

    These are the clients of one running service, and what looks at what one `sam build` made.
    """

    def _split_scope(self, nodeid: str) -> str:
        path, _, _ = nodeid.partition("::")
        return path.rpartition("/")[0] if re.search(r"/deploy/|/pages/|_client\.py", path) else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Say which tests go to which of the processes that run them."""
    return _ByWhatIsShared(config, log)


def pytest_collection_finish() -> None:
    """Have the garbage collector leave alone what is there for good, and begin less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(autouse=True)
def _fresh_process() -> Iterator[None]:
    """Each test meets the functions as a new sandbox would."""
    yield
    forget()


@pytest.fixture(autouse=True)
def _log_is_described() -> Iterator[None]:
    """Whatever the service logs and measures is what docs/logs.md says."""
    with logbook.read():
        yield


@pytest.fixture(autouse=True)
def _short_pauses(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that fails on purpose is asked again at once.

    Not so a real engine, nor where a test looks at the pauses.
    """
    if request.node.get_closest_marker("engine") is None and "pauses" not in request.fixturenames:
        monkeypatch.setattr(retries, "_LONGEST_PAUSE", 0.01)
        monkeypatch.setattr(retries, "_LONGEST_PAUSE_FOR_A_CONFLICT", 0.01)


def forget() -> None:
    """Make the next request that of a new sandbox."""
    store.cache_clear()
    auth.forget()
    customer_endpoints.forget()
    access.forget()
    contents.forget()
    bus.forget()
    queue.forget()
    at_once.forget()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Have the engine chosen that the tests with a world run on."""
    parser.addoption(
        "--engine", choices=engine.ENGINES, default="moto", help="what tests of behaviour run on"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[Any]) -> None:
    """Leave out what asks no engine where another one than moto is chosen."""
    if config.getoption("--engine") != "moto":
        config.hook.pytest_deselected(items=[test for test in items if "engine_url" not in test.fixturenames])
        items[:] = [test for test in items if "engine_url" in test.fixturenames]


@pytest.fixture(autouse=True)
def _on_moto_only(request: pytest.FixtureRequest) -> None:
    """Skip what is about moto where the tests run on another engine."""
    only = request.node.get_closest_marker("moto")
    if only is not None and request.config.getoption("--engine") != "moto":
        pytest.skip(f"on moto only: {only.args[0]}")


@pytest.fixture(scope="session")
def engine_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where the chosen engine is, for the whole run; None if it is moto."""
    with engine.running(request.config.getoption("--engine")) as url:
        yield url


@pytest.fixture
def world(engine_url: str | None) -> Iterator[World]:
    with engine.world(engine_url) as there:
        yield there


@pytest.fixture
def calls(world: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Operation and arguments of every call of the store from here on, in a world that is there."""
    del world
    made: list[tuple[str, Any]] = []
    _watch(monkeypatch, lambda *call: made.append(call))
    return made


@pytest.fixture
def operations(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of every call of the store from here on, in a world that is there."""
    del world
    made: list[str] = []
    _watch(monkeypatch, lambda name, _: made.append(name))
    return made


def _watch(monkeypatch: pytest.MonkeyPatch, seen: Callable[[str, Any], None]) -> None:
    client: Any = store().client
    make = client._make_api_call  # noqa: SLF001 - every call goes through it

    def noted(name: str, arguments: Any) -> Any:
        seen(name, arguments)
        return make(name, arguments)

    monkeypatch.setattr(client, "_make_api_call", noted)


@pytest.fixture
def runs_out(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunningOut]:
    """A context whose time runs from the first such call of the store on.

    However slow the machine is, the function gets to that call. Disturb the store first.
    """
    del world

    def context(seconds: float, operation: str = "transact_write_items") -> RunningOut:
        made = RunningOut(seconds=seconds, started=None)
        real = getattr(store().client, operation)

        def noted(**arguments: Any) -> Any:
            made.start()
            return real(**arguments)

        monkeypatch.setattr(store().client, operation, noted)
        return made

    return context


@pytest.fixture
def logged(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[[], list[dict[str, Any]]]:
    """The log lines as the function writes them, then its metrics."""

    def lines() -> list[dict[str, Any]]:
        written = [logger.registered_formatter.format(record) for record in caplog.records]
        return [json.loads(line) for line in [*written, *capsys.readouterr().out.splitlines()]]

    return lines


@pytest.fixture
def clock(world: World, monkeypatch: pytest.MonkeyPatch) -> Clock:  # noqa: ARG001 - moto looks at the clock
    """The present, until a test moves it."""
    return Clock(monkeypatch)


@pytest.fixture
def travel(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Put the clock forward."""
    real = timestamps.now

    def to(ahead: timedelta) -> None:
        monkeypatch.setattr(timestamps, "now", lambda: real() + ahead)

    return to
