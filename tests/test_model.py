"""The whole service against a model: clients, a platform's writer, purges, a clock and an index that lags.

Hypothesis makes up what happens; the model says, in plain Python, what must then be in the table. After every
step each message is looked at: what was reported is what was flagged, by the request that reported it; what
lives is where its status says, unchanged and not purged; another account's messages are as they were.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import sleep
from typing import Any, Literal

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from delete_channel_history import handler as delete_history
from delete_inbound_messages import handler as delete_inbound
from delete_message import handler as delete_linked
from delete_pull_event_batch import handler as delete_batch
from delete_pull_events import handler as delete_pull
from expunge import settings as environment
from expunge import timestamps, timetokens
from expunge.linked import providers
from expunge.table import keys
from expunge.table.flags import is_tombstone
from expunge.table.items import items
from expunge.table.records import parse
from purge import handler as purge
from tests import engine
from tests.clock import AFTER_ALL, Clock
from tests.conftest import forget
from tests.disturbances import LaggingIndex, intercept
from tests.world import (
    ACCOUNT,
    INBOUND,
    KEY,
    LINKED,
    PULL,
    SUB_KEY,
    Context,
    Reply,
    at,
    call,
    message_id,
)
from tests.writer import Writer

STATUSES = {
    "inbound_message": ("queued", "succeeded", "failed_permanent"),
    "pull_event": ("stored", "fetched"),
}
ENDPOINTS = (INBOUND, INBOUND[:-1] + "b")
TYPES = ("order.created", "order.paid")
CHANNELS = ("ch1", "ch2")
RETENTION = timedelta(days=30)

Record = dict[str, Any]
Matches = Callable[[Record], bool]
Trouble = Literal["", "a lost answer", "a writer"]


@dataclass
class Message:
    """What the model knows of a message; `flagged` is by which request, and when it is due for purging."""

    record: Record
    state: Literal["live", "deleted", "purged"] = "live"
    flagged: tuple[str, datetime] | None = None


class Model:
    """What must be in the table, by partition key."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.doomed: dict[str, dict[str, datetime]] = {}
        """Messages of channels that requests may still flag in the background: by request, when due then."""
        self.channel_requests: list[tuple[Sequence[str], int, str, datetime]] = []
        """Channels, first timetoken that is spared, request and when what it deletes is due."""

    def put(self, record: Record) -> None:
        self.messages.setdefault(item_of(record)["pk"], Message(record)).record = record

    def matching(self, matches: Matches) -> dict[str, Message]:
        return {
            pk: each for pk, each in self.messages.items() if each.state == "live" and matches(each.record)
        }

    def delete(self, pk: str, request_id: str, due: datetime) -> None:
        """Each message is reported once: one that is not live any more is an error of the service's."""
        assert self.messages[pk].state == "live"
        self.messages[pk].state, self.messages[pk].flagged = "deleted", (request_id, due)

    def due(self, now: datetime) -> dict[str, Message]:
        return {pk: each for pk, each in self.messages.items() if each.flagged and each.flagged[1] <= now}

    def purge(self, pk: str) -> None:
        self.messages[pk] = Message(self.messages[pk].record, "purged")


def item_of(record: Record) -> dict[str, str]:
    """The metadata of a living message as the table must hold it, but for the time at which it was stored."""
    item = items(parse(json.dumps(record).encode()))[0]
    return {name: value["S"] for name, value in item.items() if name != "stored_at"}


some_statuses = st.sampled_from([(), ("queued",), ("succeeded", "failed_permanent"), ("queued", "succeeded")])
some_time = st.one_of(st.none(), st.integers(0, 8))
limits = st.integers(1, 6)
troubles: st.SearchStrategy[Trouble] = st.sampled_from(["", "", "a lost answer", "a writer"])
picks = st.integers(0, 30)


class Service(RuleBasedStateMachine):
    """What clients, writers and operators do, each step followed by a look at the table."""

    def __init__(self, engine_url: str | None) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.world = self.stack.enter_context(engine.world(engine_url))
        self.patch = self.stack.enter_context(pytest.MonkeyPatch.context())
        self.stack.callback(forget)
        self.writer = Writer(self.world)
        self.model = Model()
        self.count = 0
        self.trouble: Trouble = ""

    @initialize()
    def begin(self) -> None:
        """Two accounts with the same ids; only the first one's key is used on the first one's messages."""
        for account, key in ((ACCOUNT, KEY), ("acc_2", "hb_2")):
            self.world.api_key(key, account)
            self.world.linked_account(account)
            self.world.pull_endpoint(account_id=account)
            for endpoint in ENDPOINTS:
                self.world.inbound_endpoint(endpoint, account)
        self.world.keyset()
        self.world.keyset(sub_key="sub-c-2", pub_key="pub-c-2")
        self.world.message(1, account_id="acc_2")
        self.world.event(2, account_id="acc_2")
        self.world.linked_message(account_id="acc_2")
        self.world.channel_messages("ch1", 10, sub_key="sub-c-2")
        self.others = self.world.items()
        self.clock = Clock(self.patch, began=AFTER_ALL)
        self.patch.setattr("time.sleep", lambda _: sleep(0))
        self.patch.setattr(providers, "provider_key", lambda _: "key")
        self.patch.setattr(providers, "_ask", lambda *_: providers.Answer(200, None, None))
        for name in ("WHATSAPP", "LINKEDIN"):
            self.patch.setenv(f"{name}_BASE_URL", "https://provider.example")
            self.patch.setenv(f"{name}_KEY_NAME", "/key")
        for number in range(4):
            self.insert_message(number, number % 3, number % 2)
            self.insert_event(number, number % 2, number % 2)
            self.publish(number % 2, number)
        self.index = LaggingIndex.installed(self.world, self.clock, self.patch)
        intercept(self.patch, self._disturb)

    def teardown(self) -> None:
        self.stack.close()
        environment.provider.cache_clear()

    def _disturb(self, make: Any, client: Any, operation: str, params: dict[str, Any]) -> Any:
        """What goes wrong once, at the next write: a lost answer, or a writer who comes first."""
        trouble, self.trouble = (
            ("", self.trouble) if operation != "TransactWriteItems" else (self.trouble, "")
        )
        if trouble == "a writer":
            for pk, each in self.model.matching(lambda record: "status" in record).items():
                statuses = STATUSES[each.record["kind"]]
                self._set_status(pk, statuses[statuses.index(each.record["status"]) - 1])
        reply = make(client, operation, params)
        if trouble == "a lost answer":
            raise ReadTimeoutError(endpoint_url="https://dynamodb.example")
        return reply

    # The platform's writers

    @rule(time=st.integers(0, 8), status=st.integers(0, 2), endpoint=st.integers(0, 1))
    def insert_message(self, time: int, status: int, endpoint: int) -> None:
        self.count += 1
        status_name = STATUSES["inbound_message"][status]
        where = {"inbound_endpoint_id": ENDPOINTS[endpoint], "received_at": at(time)}
        message = self.writer.message(self.count, status=status_name, **where)
        self.model.put(self.writer.records[message])

    @rule(time=st.integers(0, 8), status=st.integers(0, 1), event_type=st.integers(0, 1))
    def insert_event(self, time: int, status: int, event_type: int) -> None:
        self.count += 1
        what = {"status": STATUSES["pull_event"][status], "event_type": TYPES[event_type]}
        self.model.put(self.writer.records[self.writer.event(self.count, received_at=at(time), **what)])

    @rule(channel=st.integers(0, 1), ago=st.integers(0, 60))
    def publish(self, channel: int, ago: int) -> None:
        self.count += 1
        timetoken = str(timetokens.after(self.clock.now - timedelta(seconds=ago)) + self.count % 10)
        record = {
            "kind": "channel_message",
            "sub_key": SUB_KEY,
            "channel": CHANNELS[channel],
            "timetoken": timetoken,
        }
        if item_of(record)["pk"] not in self.model.messages:
            self.world.load(record)
            self.model.put(record)
            # What was published before a request but stored after it may go with it or not.
            for channels, start, request_id, due in self.model.channel_requests:
                if record["channel"] in channels and int(timetoken) < start:
                    self.model.doomed.setdefault(item_of(record)["pk"], {})[request_id] = due

    @rule(pick=picks)
    def deliver_again(self, pick: int) -> None:
        """As a queue does: nothing comes back that was deleted or purged."""
        message = list(self.model.messages.values())[pick % len(self.model.messages)]
        if "channel" not in message.record:
            assert self.world.offer(message.record) == (message.state == "live")

    @rule()
    def send(self) -> None:
        self.count += 1
        record = {
            "kind": "linked_message",
            "account_id": ACCOUNT,
            "id": f"{LINKED[:-3]}{self.count:03d}",
            "linked_account_id": "la_1",
            "provider_message_id": "wamid.1",
            "sent_at": at(0),
        }
        self.world.load(record)
        self.model.put(record)

    @rule(pick=picks, status=st.integers(0, 2))
    def change_status(self, pick: int, status: int) -> None:
        changeable = [pk for pk, each in self.model.messages.items() if "status" in each.record]
        pk = changeable[pick % len(changeable)]
        statuses = STATUSES[self.model.messages[pk].record["kind"]]
        if self.model.messages[pk].state != "purged":
            self._set_status(pk, statuses[status % len(statuses)])

    def _set_status(self, pk: str, status: str) -> None:
        message = self.model.messages[pk]
        done = self.writer.set_status(message.record["id"], status)
        assert done == (message.state == "live")
        if done:
            self.model.put(message.record | {"status": status})

    # Clients

    @rule(
        statuses=some_statuses,
        endpoint=st.sampled_from([None, *ENDPOINTS]),
        after=some_time,
        before=some_time,
        limit=limits,
        trouble=troubles,
    )
    def delete_inbound_messages(
        self,
        statuses: Sequence[str],
        endpoint: str | None,
        after: int | None,
        before: int | None,
        limit: int,
        trouble: Trouble,
    ) -> None:
        if after is not None and before is not None and after >= before:
            before = None

        def matches(record: Record) -> bool:
            return (
                record["kind"] == "inbound_message"
                and (not statuses or record["status"] in statuses)
                and record["inbound_endpoint_id"] == (endpoint or record["inbound_endpoint_id"])
                and (after is None or record["received_at"] >= at(after))
                and (before is None or record["received_at"] < at(before))
            )

        query = {"limit": str(limit)}
        query |= {"status": ",".join(statuses)} if statuses else {}
        query |= {"inbound_endpoint_id": endpoint} if endpoint else {}
        query |= {} if after is None else {"received_after": at(after)}
        query |= {} if before is None else {"received_before": at(before)}
        self._delete_all(lambda: call(delete_inbound, query=query), matches, limit, trouble)

    @rule(
        statuses=st.sampled_from([(), ("stored",), ("stored", "fetched")]),
        event_type=st.sampled_from([None, *TYPES]),
        limit=limits,
        trouble=troubles,
    )
    def delete_pull_events(
        self, statuses: Sequence[str], event_type: str | None, limit: int, trouble: Trouble
    ) -> None:
        def matches(record: Record) -> bool:
            return (
                record["kind"] == "pull_event"
                and (not statuses or record["status"] in statuses)
                and record["event_type"] == (event_type or record["event_type"])
            )

        query = {"limit": str(limit)}
        query |= {"status": ",".join(statuses)} if statuses else {}
        query |= {"event_type": event_type} if event_type else {}
        self._delete_all(lambda: call(delete_pull, path={"id": PULL}, query=query), matches, limit, trouble)

    def _delete_all(
        self, request: Callable[[], Reply], matches: Matches, limit: int, trouble: Trouble
    ) -> None:
        before = deepcopy(self.model.matching(matches))
        self.trouble = trouble
        reply = request()
        self.trouble = ""
        assert set(reply.body) == {"data", "meta"}
        after = self.model.matching(matches)
        reported = [
            self._pk(id_) for id_ in next(value for value in reply.data.values() if isinstance(value, list))
        ]
        assert reply.data["deleted"] == len(reported) == len(set(reported)) <= limit
        assert set(reported) <= set(before) | set(after)
        if self.index.seconds == 0 and trouble != "a writer":
            assert len(reported) == min(limit, len(before))
            self._oldest_first(before, reported)
        if self.index.seconds == 0 and len(reported) < limit:
            assert not set(before) & set(after) - set(reported)
        for pk in reported:
            self.model.delete(pk, reply.headers["x-request-id"], self.clock.now + RETENTION)

    def _oldest_first(self, matching: Mapping[str, Message], reported: Sequence[str]) -> None:
        """No message of an endpoint is left that is older than one that was deleted."""
        for taken in reported:
            for left in set(matching) - set(reported):
                own, other = matching[taken].record, matching[left].record
                if own.get("inbound_endpoint_id") == other.get("inbound_endpoint_id"):
                    assert (own["received_at"], own["id"]) < (other["received_at"], other["id"])

    def _pk(self, message_id: str) -> str:
        [pk] = [pk for pk, each in self.model.messages.items() if each.record.get("id") == message_id]
        return pk

    @rule(chosen=st.lists(picks, min_size=1, max_size=5), trouble=troubles)
    def delete_pull_events_by_id(self, chosen: Sequence[int], trouble: Trouble) -> None:
        events = [pk for pk, each in self.model.messages.items() if each.record["kind"] == "pull_event"]
        named = [events[pick % len(events)] for pick in chosen]
        ids = [self.model.messages[pk].record["id"] for pk in named]
        self.trouble = trouble
        reply = call(delete_batch, path={"id": PULL}, body={"message_ids": [*ids, message_id(999)]})
        self.trouble = ""
        *outcomes, unknown = [result["outcome"] for result in reply.data["results"]]
        expected = []
        for pk in named:
            state = self.model.messages[pk].state
            expected.append({"live": "deleted", "deleted": "already_deleted", "purged": "not_found"}[state])
            if state == "live":
                self.model.delete(pk, reply.headers["x-request-id"], self.clock.now + RETENTION)
        assert (outcomes, unknown) == (expected, "not_found")

    @rule(pick=picks, trouble=troubles)
    def delete_linked_message(self, pick: int, trouble: Trouble) -> None:
        sent = [pk for pk, each in self.model.messages.items() if each.record["kind"] == "linked_message"]
        if sent:
            pk = sent[pick % len(sent)]
            self.trouble = trouble
            path = {"message_id": self.model.messages[pk].record["id"]}
            reply = call(delete_linked, path=path, headers={"x-api-key": KEY})
            self.trouble = ""
            assert (reply.status == 200) == (self.model.messages[pk].state == "live")
            if reply.status == 200:
                self.model.delete(pk, reply.headers["x-request-id"], self.clock.now)

    @rule(channels=st.sampled_from([("ch1",), CHANNELS]), ago=st.integers(0, 60), trouble=troubles)
    def delete_channel_history(self, channels: Sequence[str], ago: int, trouble: Trouble) -> None:
        start = timetokens.after(self.clock.now - timedelta(seconds=ago))
        in_range = self.model.matching(
            lambda record: record.get("channel") in channels and int(record["timetoken"]) < start
        )
        self.trouble = trouble
        path = {"sub_key": SUB_KEY, "channels": ",".join(channels)}
        reply = call(delete_history, path=path, query={"start": str(start)})
        self.trouble = ""
        assert reply.status == 200
        request_id, due = reply.headers["x-request-id"], self.clock.now + RETENTION
        self.model.channel_requests.append((channels, start, request_id, due))
        for pk in in_range:
            self.model.doomed.setdefault(pk, {})[request_id] = due
        flagged = self._take_note_of_channels()
        if self.index.seconds == 0:
            assert flagged == set(in_range)

    def _take_note_of_channels(self) -> set[str]:
        """Channel history is not reported: see which of the doomed messages have been flagged since."""
        found = {item["pk"]: item["delete_request_id"] for item in self.world.items() if "deleted_at" in item}
        flagged = set(found) & set(self.model.doomed)
        for pk in flagged:
            self.model.delete(pk, found[pk], self.model.doomed.pop(pk)[found[pk]])
        return flagged

    @rule(pick=picks)
    def ask_for_what_is_another_accounts(self, pick: int) -> None:
        record = list(self.model.messages.values())[pick % len(self.model.messages)].record
        headers = {"authorization": "Bearer hb_2"}
        if record["kind"] == "pull_event" and record["id"] != message_id(2):
            reply = call(
                delete_batch, path={"id": PULL}, body={"message_ids": [record["id"]]}, headers=headers
            )
            assert reply.data["not_found_count"] == 1
        elif record["kind"] == "linked_message":
            reply = call(delete_linked, path={"message_id": record["id"]}, headers=headers)
            assert reply.problem == (404, "resource_not_found")

    # Operations

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

    @invariant()
    def the_table_is_as_the_model_says(self) -> None:
        found = {item["pk"]: item for item in self.world.rows()}
        assert self.others
        assert [found.pop(item["pk"], None) for item in self.others] == self.others
        assert set(found) == set(self.model.messages)
        for pk, item in found.items():
            message = self.model.messages[pk]
            item.pop("stored_at", None)
            assert is_tombstone(item) is (message.state == "purged")
            if message.state == "live":
                assert item == item_of(message.record)
            elif message.state == "deleted":
                assert message.flagged is not None
                request_id, due = message.flagged
                place = keys.bin_shard(pk), keys.bin_order(timestamps.millis(due), pk)
                assert (item["delete_request_id"], item["state_pk"], item["state_sk"]) == (request_id, *place)
                assert "group_pk" not in item


def test_the_service_does_what_the_model_says(engine_url: str | None) -> None:
    """Failing steps are not made fewer here, which takes minutes: the longer run below does that."""
    play(engine_url, max_examples=6, stateful_step_count=20, phases=[Phase.generate])


@pytest.mark.engine
def test_the_service_does_what_the_model_says_at_length(engine_url: str | None) -> None:
    play(engine_url, max_examples=20, stateful_step_count=30)


def play(engine_url: str | None, **how: Any) -> None:
    how |= {"suppress_health_check": [HealthCheck.too_slow]}
    run_state_machine_as_test(partial(Service, engine_url), settings=settings(**how))  # type: ignore[arg-type] # a function does
