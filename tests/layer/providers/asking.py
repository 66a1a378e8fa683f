"""The one request to a provider, and what came of it."""

from collections.abc import Callable

from expunge.deadline import Deadline
from expunge.linked.providers import delete_at_provider
from expunge.problems import Problem
from tests.world import Context

Configure = Callable[[str], None]
KEY = "provider-key-of-whatsapp"


def ask(provider_message_id: str = "wamid.1", context: Context | None = None) -> Problem | None:
    """Return what went wrong, None if the message is gone."""
    deadline = Deadline((context or Context()).get_remaining_time_in_millis)
    try:
        delete_at_provider("WHATSAPP", provider_message_id, deadline)
    except Problem as problem:
        return problem
    return None


def told(problem: Problem | None) -> tuple[int, str] | None:
    return None if problem is None else (problem.status, problem.code.removeprefix("errors/"))
