"""Delete-all against a model of a few lines, for messages and filters of every kind."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delete_pull_events import handler
from expunge import timestamps
from expunge.vocabulary import PULL_STATUSES
from tests.world import PULL, World, call, message_id

START = datetime(2026, 4, 1, tzinfo=UTC)
# Few enough that windows begin and end right at messages, and messages meet.
TIMES = st.integers(0, 6).map(lambda step: START + timedelta(microseconds=step))
TYPES = ("a", "A", "a#b")
accounts = count()


@dataclass(frozen=True)
class Event:
    number: int
    status: str
    event_type: str
    received_at: datetime


@dataclass(frozen=True)
class Filters:
    status: frozenset[str]
    event_type: str | None
    after: datetime | None
    before: datetime | None
    limit: int

    def match(self, event: Event) -> bool:
        return (
            (not self.status or event.status in self.status)
            and self.event_type in (None, event.event_type)
            and (self.after is None or self.after <= event.received_at)
            and (self.before is None or event.received_at < self.before)
        )

    def query(self) -> dict[str, str]:
        given = {
            "status": ",".join(self.status),
            "event_type": self.event_type,
            "received_after": self.after and self.after.isoformat(),
            "received_before": self.before and timestamps.micros(self.before),
            "limit": str(self.limit),
        }
        return {name: value for name, value in given.items() if value}


EVENTS = st.lists(
    st.builds(Event, st.just(0), st.sampled_from(PULL_STATUSES), st.sampled_from(TYPES), TIMES), max_size=8
).map(lambda events: [Event(n, e.status, e.event_type, e.received_at) for n, e in enumerate(events)])
FILTERS = st.builds(
    Filters,
    st.frozensets(st.sampled_from(PULL_STATUSES)),
    st.none() | st.sampled_from(TYPES),
    st.none() | TIMES,
    st.none() | TIMES,
    st.integers(1, 9),
).filter(lambda filters: filters.after is None or filters.before is None or filters.after < filters.before)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS, FILTERS)
def test_exactly_the_oldest_that_match_are_deleted(
    world: World, events: list[Event], filters: Filters
) -> None:
    account = f"acc_filters_{next(accounts)}"
    world.api_key(account, account_id=account)
    world.pull_endpoint(account_id=account)
    for event in events:
        world.event(
            event.number,
            account_id=account,
            status=event.status,
            event_type=event.event_type,
            received_at=timestamps.micros(event.received_at),
        )

    reply = call(
        handler, path={"id": PULL}, query=filters.query(), headers={"authorization": f"Bearer {account}"}
    )

    matching = sorted(filter(filters.match, events), key=lambda event: (event.received_at, event.number))
    expected = [message_id(event.number) for event in matching[: filters.limit]]
    assert reply.body["data"] == {"deleted": len(expected), "deleted_event_ids": expected}
    flagged = {item["id"] for item in world.items() if item["account_id"] == account and "deleted_at" in item}
    assert flagged == set(expected)
