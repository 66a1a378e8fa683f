"""Holds, purges, erasures, restores and deletions in the midst of one another: nothing held is ever gone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from threading import RLock
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from cli.dynamodb import create_table
from delete_channel_history import handler as delete_history
from delete_inbound_messages import handler as delete_all
from delete_message import handler as delete_linked
from expunge import settings as environment
from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions import holding, parking, purging
from expunge.deletions.covered import Covered
from expunge.history import restoring
from expunge.linked import providers
from expunge.table import at_once, keys
from expunge.table.store import CLIENT_CONFIG, Store
from purge import handler as purge
from restore_deletion import handler as restore
from tests.bucket import Bucket, may_delete_from, s3
from tests.clock import AFTER_ALL, Clock
from tests.conftest import forget
from tests.disturbances import Call, intercept
from tests.world import ACCOUNT, INBOUND, KEY, LINKED, SUB_KEY, Context, World, call, message_id

MESSAGES = 4
NEVER = Deadline.never()

COVERED = {
    "hold account": Covered(account_id=ACCOUNT),
    "hold endpoint": Covered(account_id=ACCOUNT, endpoint_id=INBOUND),
    "hold linked account": Covered(account_id=ACCOUNT, endpoint_id="la_1"),
    "hold message": Covered(account_id=ACCOUNT, messages=(message_id(1), f"{LINKED[:-1]}1")),
    "hold keyset": Covered(sub_key=SUB_KEY),
    "hold channel": Covered(sub_key=SUB_KEY, channel="ch"),
    "hold timetoken": Covered(sub_key=SUB_KEY, messages=("ch:1",)),
}
ACTIONS = ("purge", "purge", "delete", "delete history", "erase", "restore", "release", "wait", *COVERED)

actions = st.sampled_from(ACTIONS)
interruptions = st.dictionaries(st.integers(0, 80), actions, max_size=5)
delays = st.lists(st.integers(0, 7), min_size=1, max_size=6)


@dataclass
class Placed:
    """A hold as whoever placed it knows it."""

    id: str
    covered: Covered
    in_force_from: str

    def covers(self, message: Mapping[str, str]) -> bool:
        """Said anew, by the fields of a message and not by its key."""
        covered = self.covered
        named = {"account_id": message.get("account_id"), "sub_key": message.get("sub_key")}
        named["channel"] = message.get("channel")
        named["endpoint_id"] = message.get("endpoint_id", message.get("linked_account_id"))
        one = message.get("id") or f"{message.get('channel')}:{message.get('timetoken')}"
        wanted = covered.told()
        messages = wanted.pop("messages", [one])
        return one in messages and all(named[name] == value for name, value in wanted.items())


@dataclass
class Service(Context):
    """Carries out actions, some of them between two calls of the store that another one makes.

    Each call takes a while, up to as long as one may; what happens in between takes none.
    """

    world: World = field(kw_only=True)
    clock: Clock = field(kw_only=True)
    interrupted: dict[int, str] = field(kw_only=True)
    delays: Sequence[int] = field(kw_only=True)
    holds: list[Placed] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    once_holds_are_read: list[str] = field(default_factory=list)
    wronged: list[str] = field(default_factory=list)
    _requests: list[str] = field(default_factory=list)
    _erased: int = 0
    _calls: int = 0
    _depth: int = 0
    _lock: RLock = field(default_factory=RLock)

    def act(self, action: str) -> None:
        if action in COVERED:
            made = holding.place(self.world.store, COVERED[action], reason="r", by="b", deadline=NEVER)
            self.holds.append(Placed(made.id, made.covered, made.in_force_from))
            return
        match action:
            case "wait":
                self.clock.advance(seconds=45)
            case "release":
                if self.holds:
                    holding.release(self.world.store, self.holds.pop(0).id, by="b", deadline=NEVER)
            case "delete":
                self._requests.append(call(delete_all).headers["x-request-id"])
            case "delete history":
                call(delete_history, path={"sub_key": SUB_KEY, "channels": "ch"})
            case "erase":
                self._erased += 1
                path = {"message_id": f"{LINKED[:-1]}{self._erased % 3}"}
                call(delete_linked, path=path, headers={"x-api-key": KEY})
            case "restore":
                for request_id in list(self._requests):
                    call(restore, path={"request_id": request_id})
            case _:
                later = timestamps.millis(self.clock.now + timedelta(days=31))
                purge({"time": later, "force": True}, self)

    def on_the_way(self, make: Call, client: Any, operation: str, params: dict[str, Any]) -> Any:
        with self._lock:
            number, self._calls = self._calls, self._calls + 1
            action = self.interrupted.get(number) if not self._depth else None
            self._depth += action is not None
        if action is not None:
            self.act(action)
            self._depth -= 1
        with self._lock:  # moto takes one call at a time
            if not self._depth:
                self.clock.advance(seconds=self.delays[number % len(self.delays)])
            reply = make(client, operation, params)
            if operation == "TransactWriteItems":
                self._look(make, client, params)
            if operation == "DeleteObjects":
                self._see([each["Key"] for each in params["Delete"]["Objects"]])
        if operation == "Query" and keys.IN_FORCE in str(params):
            while self.once_holds_are_read:
                self._depth += 1
                self.act(self.once_holds_are_read.pop())
                self._depth -= 1
        return reply

    def _look(self, make: Call, client: Any, params: dict[str, Any]) -> None:
        """See that whatever this write took away was not held."""
        if not any(sign in str(params) for sign in ("purged_at", "erased_at")):
            return
        items: Any = make(client, "Scan", {"TableName": self.world.store.table})
        missing = {
            item["pk"]["S"]
            for item in items["Items"]
            if item["sk"]["S"] == keys.MESSAGE and {"purged_at", "erased_at"} & set(item)
        }
        self._see(missing - self.gone)
        self.gone |= missing

    def _see(self, pks: Iterable[str]) -> None:
        """See whether these were held that have just gone, or whose content in S3 has."""
        now = timestamps.millis(self.clock.now)
        for pk in pks:
            for hold in self.holds:
                if hold.in_force_from <= now and hold.covers(self.messages[pk]):
                    self.wronged.append(pk)

    messages: dict[str, dict[str, str]] = field(default_factory=dict)
    contents: Bucket = field(kw_only=True)


@contextmanager
def service(interrupted: dict[int, str], delays: Sequence[int]) -> Iterator[Service]:
    with mock_aws(config={"core": {"reset_boto3_session": False}}), pytest.MonkeyPatch.context() as patch:
        client = boto3.client("dynamodb", config=CLIENT_CONFIG)
        create_table(client, "expunge")
        world = World(Store(client, "expunge"))
        world.api_key()
        world.keyset()
        world.linked_account()
        for number in range(MESSAGES):
            world.message(number)
        for number in range(3):
            world.linked_message(id=f"{LINKED[:-1]}{number}")
        world.channel_messages("ch", *range(MESSAGES))
        contents = Bucket(s3())
        may_delete_from(contents.name, patch)
        for pk in (item["pk"] for item in world.items() if item["pk"].endswith("1")):
            world.name_content(pk, contents.put(pk))
        for module in (at_once, purging, restoring):
            patch.setattr(module, "_AT_ONCE", 1)
        patch.setattr(purging, "ROWS", 1)
        patch.setattr(parking, "_FEW", 1)
        patch.setattr("time.sleep", lambda _: None)
        patch.setattr(providers, "provider_key", lambda _: "key")
        patch.setattr(providers, "_ask", lambda *_: providers.Answer(200, None, None))
        environment.provider.cache_clear()
        for name in ("WHATSAPP", "LINKEDIN"):
            patch.setenv(f"{name}_BASE_URL", "https://provider.example")
            patch.setenv(f"{name}_KEY_NAME", "/key")
        clock = Clock(patch, began=AFTER_ALL)
        made = Service(world=world, clock=clock, interrupted=interrupted, delays=delays, contents=contents)
        made.messages = {item["pk"]: item for item in world.items()}
        made.act("delete")
        made.act("delete history")
        intercept(patch, made.on_the_way, ("dynamodb", "s3"))
        try:
            yield made
        finally:
            forget()
            environment.provider.cache_clear()


def look_after(sequence: Sequence[str], interrupted: dict[int, str], delays: Sequence[int]) -> None:
    with service(interrupted, delays) as made:
        for action in sequence:
            made.act(action)
        assert made.wronged == []
        # In the end all that is deleted can go, wherever it was set aside and whoever did that.
        made.interrupted.clear()
        while made.holds:
            made.act("release")
        for _ in range(2):
            made.act("purge")
            made.clock.advance(seconds=300)
        left = [item for item in made.world.items() if "purged_at" not in item]
        assert [item for item in left if "deleted_at" in item] == []
        assert set(made.contents.left()) == {item["pk"] for item in left if "content_url" in item}


@given(st.lists(actions, min_size=2, max_size=6), interruptions, delays)
@settings(max_examples=3, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
def test_nothing_held_is_ever_gone(
    sequence: Sequence[str], interrupted: dict[int, str], delays: Sequence[int]
) -> None:
    look_after(sequence, interrupted, delays)


@pytest.mark.engine
@given(st.lists(actions, min_size=2, max_size=6), interruptions, delays)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_held_is_ever_gone_at_length(
    sequence: Sequence[str], interrupted: dict[int, str], delays: Sequence[int]
) -> None:
    look_after(sequence, interrupted, delays)


@pytest.mark.parametrize("seconds", [1, 3, 7])
def test_a_hold_is_in_force_in_time_that_was_placed_just_after_a_run_read_the_holds(seconds: int) -> None:
    with service({}, [seconds]) as made:
        made.once_holds_are_read = ["hold account", "hold keyset"]
        made.act("purge")
        assert made.wronged == []
        made.clock.advance(seconds=60)
        made.act("erase")
        made.act("purge")
        assert made.wronged == []
        assert len(made.gone) < len(made.messages)
