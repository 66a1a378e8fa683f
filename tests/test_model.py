"""The whole service against a model: clients, a platform's writer, purges, a clock and an index that lags.

Hypothesis makes up what happens; the model says, in plain Python, what must then be in the table. After every
step each message is looked at: what was reported is what was flagged, by the request that reported it; what
lives is where its status says, unchanged and not purged; another account's messages are as they were.
"""

from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from purge import handler as purge
from tests.conftest import forget
from tests.model.clients import Clients, troubles
from tests.model.expected import Trouble
from tests.world import Context


class Service(Clients):
    """What clients, writers and operators do, each step followed by a look at the table."""

    @rule(seconds=st.sampled_from([1, 10, 100, 10 * 86_400, 29 * 86_400, 31 * 86_400]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule(trouble=troubles.filter(lambda trouble: trouble != "a writer"))
    def purge(self, trouble: Trouble) -> None:
        due = self.model.due(self.clock.now)
        self.trouble = trouble
        result = purge({}, Context())
        self.trouble = ""
        self._take_note_of_channels()
        gone = set(due) - {item["pk"] for item in self.world.items()}
        if trouble != "a lost answer":
            assert result["purged"] == len(gone)
        if self.index.seconds == 0:
            assert gone == set(due)
            assert result["remaining"] is False
        for pk in gone:
            self.model.purge(pk)

    @rule()
    def restart(self) -> None:
        forget()

    @rule()
    def lag(self) -> None:
        self.index.seconds = 5

    @precondition(lambda self: self.index.seconds)
    @rule()
    def catch_up(self) -> None:
        self.index.seconds = 0
        self.index.catch_up()


def test_the_service_does_what_the_model_says(engine_url: str | None) -> None:
    """Failing steps are not made fewer here, which takes minutes: the longer run below does that."""
    play(engine_url, max_examples=6, stateful_step_count=20, phases=[Phase.generate])


@pytest.mark.engine
def test_the_service_does_what_the_model_says_at_length(engine_url: str | None) -> None:
    play(engine_url, max_examples=20, stateful_step_count=30)


def play(engine_url: str | None, **how: Any) -> None:
    how |= {"suppress_health_check": [HealthCheck.too_slow]}
    run_state_machine_as_test(partial(Service, engine_url), settings=settings(**how))  # type: ignore[arg-type] # a function does
