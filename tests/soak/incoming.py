"""What comes in: by the queue, and by a platform's own writer."""

import json
from contextlib import ExitStack
from datetime import timedelta

import store_records
from expunge import timetokens
from expunge.table import keys
from expunge.table.items import items
from expunge.table.records import parse
from tests.soak.service import Record, Service
from tests.soak.themes import CHANNELS, ENDPOINTS, FAMILIES, KINDS, THEMES, TYPES
from tests.world import ACCOUNT, KEY, LINKED, OUTBOUND, PULL, SUB_KEY, at, message_id
from tests.writer import Writer


class Incoming(Service):
    """Has records, and brings more of them."""

    def __init__(self, seed: int, stack: ExitStack) -> None:
        super().__init__(seed, stack)
        self.records: dict[str, Record] = {}
        """The record of each message, as it was written last, by partition key."""
        self.inbox: list[list[Record]] = []
        self.delivered: list[Record] = []
        self._count = 0
        self._writer = Writer(self.world)
        self._theme = self.chance.choice(THEMES)
        self._kinds = self.chance.sample(KINDS, self.chance.choice((1, 2, 5)))
        if self._theme[0] == "delete_history":
            self._kinds = ["channel_message"]
        self._families = [each for each in FAMILIES if each.kind in self._kinds] or FAMILIES
        self._populate()

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

    def _some_ids(self, kind: str, most: int) -> list[str]:
        known = [each["id"] for each in self.records.values() if each["kind"] == kind]
        return self.chance.sample(known, min(len(known), self.chance.randint(0, most)))

    def _timetoken(self) -> int:
        return timetokens.after(self.timeline.now - timedelta(seconds=self.chance.randrange(200)))
