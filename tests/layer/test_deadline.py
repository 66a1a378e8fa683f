"""How the stages of an invocation follow on one another."""

import pytest

from expunge.deadline import Deadline
from expunge.table.store import CLIENT_CONFIG


class Clock:
    """What is left of an invocation, in seconds."""

    def __init__(self, left: float) -> None:
        self.left = left

    def remaining_ms(self) -> int:
        return int(self.left * 1000)


def stages(seconds: float) -> dict[str, float]:
    """When each stage of an invocation of so many seconds ends, in seconds before its end."""
    deadline = Deadline(Clock(seconds).remaining_ms)
    left = {
        "search": deadline.for_searching().to_start(),
        "write": deadline.to_start(),
        "settle": deadline.for_settling().to_start(),
        "wait": deadline.to_wait(),
        "read back": deadline.for_reading_back().to_start(),
        "answer": deadline.to_answer(),
    }
    return {stage: seconds - each for stage, each in left.items()}


def longest_call() -> float:
    """Seconds that a call takes to fail when the store neither takes connections nor answers."""
    timeouts = CLIENT_CONFIG.connect_timeout, CLIENT_CONFIG.read_timeout  # type: ignore[attr-defined] # set by name
    return float(sum(timeouts))


@pytest.mark.parametrize("limit", [25, 29, 600])
def test_a_write_begun_at_the_last_moment_ends_before_the_wait_for_it(limit: float) -> None:
    stage = stages(limit)

    assert stage["write"] - longest_call() == pytest.approx(stage["wait"])
    assert stage["settle"] - longest_call() == pytest.approx(stage["answer"])


def test_what_is_found_at_the_last_moment_can_still_be_deleted() -> None:
    assert stages(25)["search"] - stages(25)["write"] == pytest.approx(3)


def test_unanswered_writes_are_read_back_before_the_answer() -> None:
    assert stages(25)["wait"] - stages(25)["answer"] == pytest.approx(5)
    assert stages(25)["read back"] == stages(25)["answer"] == 1


@pytest.mark.parametrize("seconds", [1, 6, 12])
def test_a_short_invocation_has_all_stages_in_proportion(seconds: float) -> None:
    short, whole = stages(seconds), stages(24)

    assert short == pytest.approx({stage: each * seconds / 24 for stage, each in whole.items()})


def test_the_proportion_is_settled_when_the_invocation_begins() -> None:
    clock = Clock(24)
    deadline = Deadline(clock.remaining_ms)

    clock.left = 12

    assert deadline.to_start() == pytest.approx(12 - 13)
    assert deadline.to_end() == pytest.approx(12)


def test_outside_lambda_the_deadline_does_not_come() -> None:
    assert Deadline.never().for_searching().to_start() > 10 * 24 * 3600
