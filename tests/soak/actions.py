"""What may happen: every endpoint, the queue, the schedule, workers, holds, a platform's writer, time."""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import delete_channel_history
import delete_inbound_message
import delete_inbound_message_batch
import delete_inbound_messages
import delete_message
import delete_outbound_message_batch
import delete_outbound_messages
import delete_pull_event
import delete_pull_event_batch
import delete_pull_events
import execute_deletion
import get_deletion
import list_deletion_messages
import list_deletions
import publish_deletions
import purge
import restore_deletion
import store_records
import work
from expunge import settings, timestamps, timetokens
from expunge.deadline import Deadline
from expunge.deletions import holding
from expunge.deletions.covered import Covered
from expunge.errors import ExpungeError
from expunge.table import keys
from expunge.table.items import items
from expunge.table.records import parse
from expunge.table.store import store
from tests.conftest import forget
from tests.soak.faults import Plan
from tests.soak.service import Asked, Record, Service
from tests.stream import deliver, filtered
from tests.world import (
    ACCOUNT,
    INBOUND,
    KEY,
    LINKED,
    OUTBOUND,
    PULL,
    SUB_KEY,
    Handler,
    Reply,
    at,
    call,
    message_id,
)
from tests.writer import Writer

ENDPOINTS = (INBOUND, INBOUND[:-1] + "f")
CHANNELS = ("ch1", "ch2")
TYPES = ("order.created", "order.paid")
SLOW = Plan("slow store", 4, 1000, reads=True, writes=True)
FAULTS_OF_THE_BUS = (None, None, "throttled", "part", "died", "died before")


@dataclass(frozen=True)
class Family:
    kind: str
    statuses: tuple[str, ...]
    endpoint: str
    time: str
    all: Handler
    batch: Handler
    one: Handler
    noun: str = "message"
    path: Mapping[str, str] = field(default_factory=dict)


FAMILIES = (
    Family(
        "inbound_message",
        ("queued", "succeeded", "failed_permanent"),
        "inbound_endpoint_id",
        "received",
        delete_inbound_messages.handler,
        delete_inbound_message_batch.handler,
        delete_inbound_message.handler,
    ),
    Family(
        "outbound_message",
        ("queued", "succeeded"),
        "endpoint_id",
        "created",
        delete_outbound_messages.handler,
        delete_outbound_message_batch.handler,
        delete_message.handler,
    ),
    Family(
        "pull_event",
        ("stored", "fetched"),
        "pull_endpoint_id",
        "received",
        delete_pull_events.handler,
        delete_pull_event_batch.handler,
        delete_pull_event.handler,
        "event",
        {"id": PULL},
    ),
)


# What most of a run is about, so that things get into each other's way; a name twice happens twice as often.
_DELETIONS = ("delete_all", "delete_all", "delete_batch", "delete_one")
THEMES = (
    (
        *(_DELETIONS * 2),
        *("delete_linked", "delete_history", "delete_history", "execute", "restore", "restore", "repeat"),
        *("repeat", "look", "purge", "purge", "work", "work", "fall_behind", "store", "store", "publish"),
        *("hold", "change_status", "pass_time", "pass_time", "restart"),
    ),
    (
        *_DELETIONS,
        "execute",
        "execute",
        "execute",
        "execute",
        "repeat",
        "repeat",
        "repeat",
        "look",
        "restore",
    ),
    (*_DELETIONS, "restore", "restore", "restore", "purge_early", "purge_early", "change_status", "store"),
    (*_DELETIONS, "hold", "hold", "purge_early", "purge_early", "delete_linked", "pass_time", "restore"),
    ("delete_history", "delete_history", "store", "purge", "purge", "work", "purge_early", "pass_time"),
    (*_DELETIONS, "delete_history", "fall_behind", "work", "work", "work", "purge", "store", "hold"),
)
KINDS = ("inbound_message", "outbound_message", "pull_event", "linked_message", "channel_message")


@dataclass
class Placed:
    """A hold that somebody knows of: in force a minute after it was placed until it is released."""

    covered: Covered
    id: str
    returned: float
    released: int | None = None
    """How many changes the journal had when its release began."""


class Actions(Service):
    """Chooses what happens next."""

    def __init__(self, seed: int, stack: ExitStack) -> None:
        super().__init__(seed, stack)
        self.records: dict[str, Record] = {}
        """The record of each message, as it was written last, by partition key."""
        self.inbox: list[list[Record]] = []
        self.delivered: list[Record] = []
        self.holds: list[Placed] = []
        self.told = 0
        self._count = 0
        self._writer = Writer(self.world)
        self._theme = self.chance.choice(THEMES)
        self._kinds = self.chance.sample(KINDS, self.chance.choice((1, 2, 5)))
        if self._theme[0] == "delete_history":
            self._kinds = ["channel_message"]
        self._families = [each for each in FAMILIES if each.kind in self._kinds] or FAMILIES
        self._populate()
        self.begin()

    def _populate(self) -> None:
        for account, key in ((ACCOUNT, KEY), ("acc_2", "hb_2")):
            self.world.api_key(key, account)
            self.world.pull_endpoint(account_id=account)
            for endpoint in ENDPOINTS:
                self.world.inbound_endpoint(endpoint, account)
            self.world.outbound_endpoint(account_id=account)
            self.world.linked_account(account)
        self.world.keyset()
        for _ in range(self.chance.randint(8, 24)):
            record = self._new()
            self.put(record)
            self._known(record)
        another = self._new()
        owner = "account_id" if "account_id" in another else "sub_key"
        self.put(another | {owner: "acc_2"})

    def first(self) -> None:
        """Delete something."""
        getattr(self, self._theme[0])()

    def interrupt(self) -> None:
        """Do one thing while a function is at work."""
        self.chance.choice((self.act, self.act, self.restore, self.purge_early))()

    def act(self) -> None:
        """Do one thing, mostly of the run's theme."""
        names = self._theme if self.chance.random() < 0.8 else THEMES[0]
        getattr(self, self.chance.choice(names))()

    # Deletions by clients

    def request(
        self,
        kind: str,
        handler: Handler,
        *,
        key: str | None = None,
        of: Asked | None = None,
        **arguments: Any,
    ) -> Asked:
        """Have an API function answer; `of` is the request that this one repeats."""
        headers = {"authorization": f"Bearer {KEY}"} | ({"idempotency-key": key} if key else {})

        def asks(asked: Asked, context: Any) -> Reply:
            return call(handler, context=context, request_id=str(asked.number), headers=headers, **arguments)

        return self.invoke(kind, asks, handler=handler, key=key, arguments=arguments, of=of)

    def _key(self) -> str | None:
        return f"key-{len(self.asked)}" if self.chance.random() < 0.4 else None

    def delete_all(self) -> None:
        family = self.chance.choice(self._families)
        query: dict[str, str] = {}
        if self.chance.random() < 0.3:
            statuses = self.chance.sample(family.statuses, self.chance.randint(1, 2))
            query["status"] = ",".join(statuses)
        if family.kind != "pull_event" and self.chance.random() < 0.3:
            query[family.endpoint] = self.chance.choice(ENDPOINTS) if family.time == "received" else OUTBOUND
        if family.kind == "pull_event" and self.chance.random() < 0.3:
            query["event_type"] = self.chance.choice(TYPES)
        if self.chance.random() < 0.1:
            query[f"{family.time}_after"] = at(self.chance.randrange(8))
        if self.chance.random() < 0.5:
            query["limit"] = str(self.chance.randint(1, 4))
        kind = "delete_all"
        if self.chance.random() < 0.35:
            query["dry_run"], kind = "true", "plan"
        self.request(kind, family.all, key=self._key(), query=query, path=family.path or None)

    def _some_ids(self, kind: str, most: int) -> list[str]:
        known = [each["id"] for each in self.records.values() if each["kind"] == kind]
        return self.chance.sample(known, min(len(known), self.chance.randint(0, most)))

    def delete_batch(self) -> None:
        family = self.chance.choice(self._families)
        ids = [*self._some_ids(family.kind, 4), message_id(999)]
        ids += ids[: self.chance.randint(0, 1)]
        self.request(
            "delete_batch", family.batch, key=self._key(), body={"message_ids": ids}, path=family.path or None
        )

    def delete_one(self) -> None:
        family = self.chance.choice(self._families)
        for each in self._some_ids(family.kind, 1):
            path = {**family.path, f"{family.noun}_id": each}
            self.request("delete_one", family.one, key=self._key(), path=path)

    def delete_linked(self) -> None:
        for each in self._some_ids("linked_message", 1):
            self.request("delete_linked", delete_message.handler, path={"message_id": each})

    def delete_history(self) -> None:
        channels = self.chance.choice((CHANNELS[:1], CHANNELS[1:], CHANNELS))
        query: dict[str, str] = {}
        if self.chance.random() < 0.3:
            query["start"] = str(self._timetoken())
        if self.chance.random() < 0.3:
            query["end"] = str(self._timetoken())
        path = {"sub_key": SUB_KEY, "channels": ",".join(channels)}
        self.request("delete_history", delete_channel_history.handler, path=path, query=query)

    def _timetoken(self) -> int:
        return timetokens.after(self.timeline.now - timedelta(seconds=self.chance.randrange(200)))

    def _deletions(self, *kinds: str) -> list[str]:
        return [each.request_id for each in self.asked if each.kind in kinds]

    def execute(self) -> None:
        for plan in self.chance.sample(plans, 1) if (plans := self._deletions("plan")) else ():
            self.request("execute", execute_deletion.handler, key=self._key(), path={"request_id": plan})

    def restore(self) -> None:
        done = self._deletions("delete_all", "delete_batch", "delete_one", "plan")
        for each in self.chance.sample(done, 1) if done else ():
            body = {"message_ids": ids} if (ids := self._some_ids(self._families[0].kind, 2)) else None
            self.request(
                "restore", restore_deletion.handler, key=self._key(), path={"request_id": each}, body=body
            )

    def repeat(self) -> None:
        keyed = [each for each in self.asked if each.about.get("key")]
        for first in self.chance.sample(keyed, 1) if keyed else ():
            self.again(first)

    def again(self, first: Asked) -> Asked:
        """Send a request once more with its key."""
        about = first.about
        of = about["of"] or first
        return self.request(first.kind, about["handler"], key=about["key"], of=of, **about["arguments"])

    def look(self) -> None:
        done = self._deletions("delete_all", "delete_batch", "delete_one", "plan")
        for each in self.chance.sample(done, 1) if done else ():
            handler = self.chance.choice((get_deletion.handler, list_deletion_messages.handler))
            self.request("look", handler, path={"request_id": each})
        self.request("look", list_deletions.handler)

    # What comes in, and who changes it

    def _new(self) -> Record:
        self._count += 1
        number = self._count
        record: Record = {"account_id": ACCOUNT, "id": message_id(number), "payload": {"number": number}}
        kind = self.chance.choice(self._kinds)
        for family in (each for each in FAMILIES if each.kind == kind):
            record |= {"kind": family.kind, "status": self.chance.choice(family.statuses)}
            record |= {f"{family.time}_at": at(self.chance.randrange(10))}
            record[family.endpoint] = {"inbound_message": self.chance.choice(ENDPOINTS)}.get(
                family.kind, PULL if family.noun == "event" else OUTBOUND
            )
            return record | ({"event_type": self.chance.choice(TYPES)} if family.noun == "event" else {})
        if kind == "linked_message":
            return record | {
                "kind": kind,
                "id": f"{LINKED[:-3]}{number:03d}",
                "linked_account_id": "la_1",
                "provider_message_id": "wamid.1",
                "sent_at": at(0),
            }
        return {
            "kind": "channel_message",
            "sub_key": SUB_KEY,
            "channel": self.chance.choice(CHANNELS),
            "timetoken": str(self._timetoken() // 1000 * 1000 + number),
            "payload": {"number": number},
        }

    def _known(self, record: Record) -> None:
        [message, *_] = items(parse(json.dumps(record).encode()))
        self.records.setdefault(message["pk"]["S"], record)

    def store(self) -> None:
        """Have the queue bring a few bodies, of new records and of such that were there before."""
        for _ in range(self.chance.randint(0, 2)):
            old = self.chance.sample(list(self.records.values()), min(2, len(self.records)))
            new = [self._new() for _ in range(self.chance.randint(0, 2))]
            if body := [*new, *old[: self.chance.randint(0, 2)]]:
                self.inbox.append(body)
        self.take_in()

    def take_in(self) -> None:
        """Bring what waits; what is not settled comes again."""
        bodies, self.inbox = self.inbox, []
        if not bodies:
            return
        event = {
            "Records": [
                {"messageId": str(at), "body": "\n".join(map(json.dumps, body))}
                for at, body in enumerate(bodies)
            ]
        }
        asked = self.invoke("store", lambda _, context: store_records.handler(event, context))
        failed = list(range(len(bodies)))
        if asked.answer is not None:
            assert asked.answer["rejected"] == []
            failed = [int(each["itemIdentifier"]) for each in asked.answer["batchItemFailures"]]
        self.inbox += [bodies[each] for each in failed]
        for number, body in enumerate(bodies):
            for record in body:
                self._known(record)
                self.delivered += [record] * (number not in failed)

    def change_status(self) -> None:
        """A platform's own writer changes a message, if it lives."""
        for message in self._some_ids("inbound_message", 1):
            pk = keys.message("INBOUND", ACCOUNT, message)
            record = self.records[pk]
            found = self.journal.messages().get(pk, {})
            if "status" not in found or "deleted_at" in found:
                return
            self._writer.records[message] = record | {"status": found["status"]}
            with self.somebody_else():
                self._writer.set_status(message, self.chance.choice(FAMILIES[0].statuses))

    # Operations

    def purge(self, seconds: float | None = None, *, slow: bool = False, early: bool = False) -> Asked:
        """Run it; `early` as if a month had passed."""
        until = self.timeline.now + timedelta(days=31 * early)
        event = {"time": timestamps.millis(until), "force": True} if early else {}
        return self.invoke(
            "purge",
            lambda _, context: _or_error(purge.handler, event, context),
            seconds=seconds or self.chance.choice((24, 270)),
            until=timestamps.millis(until),
            plans=[SLOW] * slow,
        )

    def purge_early(self) -> None:
        self.purge(early=True)

    def fall_behind(self) -> None:
        """Have more to purge, or to delete in the background, than a run has time for."""
        if settings.work_queue() and not self.interrupting:
            self.pass_time(31 * 86_400)
            self.purge(20, slow=True)

    def work(self) -> None:
        """Have a worker take one of the tasks; one is lost, comes twice or fails and comes again."""
        if not self.queue.bodies:
            return
        body = self.queue.bodies[self.chance.randrange(len(self.queue.bodies))]
        if self.healthy or self.chance.random() < 0.8:
            self.queue.bodies.remove(body)
        if not self.healthy and self.chance.random() < 0.1:
            return
        event = {"Records": [{"body": body}]}
        asked = self.invoke("work", lambda _, context: _or_error(work.handler, event, context), seconds=50)
        if not isinstance(asked.answer, dict):
            self.queue.bodies.append(body)

    def publish(self) -> None:
        """Have the stream bring what changed since."""
        records = filtered(self.journal.stream[self.told :])
        self.told = len(self.journal.stream)
        faults = self.chance.choices(FAULTS_OF_THE_BUS, k=0 if self.healthy else 6)
        self.faults.made.update(f"event bus: {each}" for each in faults if each)
        self.bus.faults = iter(faults)
        while records:
            some = self.chance.randint(1, len(records))
            given_up = deliver(
                publish_deletions.handler,
                records[:some],
                context=lambda: self.context(60),
            )
            assert given_up == []
            del records[:some]

    def hold(self) -> None:
        """Place a hold, or release one."""
        if self.holds and self.chance.random() < 0.4:
            self.release(self.chance.choice(self.holds).id)
            return
        some = self._some_ids("inbound_message", 2)
        covered = self.chance.choice(
            (
                Covered(account_id=ACCOUNT),
                Covered(account_id=ACCOUNT, endpoint_id=INBOUND),
                Covered(account_id=ACCOUNT, endpoint_id="la_1"),
                Covered(account_id=ACCOUNT, messages=tuple(some)),
                Covered(sub_key=SUB_KEY),
                Covered(sub_key=SUB_KEY, channel="ch1"),
            )
        )

        def place(_: Asked, context: Any) -> Any:
            deadline = Deadline(context.get_remaining_time_in_millis)
            try:
                return holding.place(store(), covered, reason="r", by="b", deadline=deadline)
            except ExpungeError as error:
                return error

        made = self.invoke("hold", place)
        if isinstance(made.answer, holding.Hold):
            self.holds.append(Placed(covered, made.answer.id, made.ended))

    def release(self, hold_id: str) -> None:
        for hold in self.holds:
            if hold.id == hold_id and hold.released is None:
                hold.released = len(self.journal.changes)

        def release(_: Asked, context: Any) -> Any:
            deadline = Deadline(context.get_remaining_time_in_millis)
            return _or_error(lambda: holding.release(store(), hold_id, by="b", deadline=deadline))

        self.invoke("release", release)

    def pass_time(self, seconds: float | None = None) -> None:
        day = 86_400
        if self.interrupting:
            self.timeline.advance(self.chance.choice((1, 3)))
            return
        self.timeline.advance(10)
        self.faults.land(all_of_them=True)
        self.timeline.advance(
            seconds or self.chance.choice((1, 1, 1, 5, 20, 60, 60, 400, 3700, 10 * day, 31 * day))
        )

    def restart(self) -> None:
        forget()


def _or_error(call: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except ExpungeError as error:
        return error
