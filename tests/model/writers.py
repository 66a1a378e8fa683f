"""Two accounts, the first one's writers, and a look at the table after every step."""

from contextlib import ExitStack
from datetime import timedelta
from time import sleep
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from expunge import settings as environment
from expunge import timestamps, timetokens
from expunge.linked import providers
from expunge.table import keys
from expunge.table.flags import is_tombstone
from tests import engine
from tests.clock import AFTER_ALL, Clock
from tests.conftest import forget
from tests.disturbances import LaggingIndex, intercept
from tests.model.expected import CHANNELS, ENDPOINTS, STATUSES, TYPES, Model, Trouble, item_of
from tests.world import ACCOUNT, KEY, LINKED, SUB_KEY, at
from tests.writer import Writer

picks = st.integers(0, 30)


class Writers(RuleBasedStateMachine):
    """What a platform's writers and its queue do."""

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
