"""A crowd of clients that share one account and one keyset, and what they were told.

Each calls the endpoints by chance, with filters that overlap, and notes what does not agree with the API.
"""

import json
import random
import re
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import urllib3

from tests.engines.channels import Channels
from tests.engines.tenant import Tenant
from tests.world import at

LONGEST: Final = 30.0
"""Seconds in which API Gateway wants an answer."""
CHANNEL: Final = "news"
FIRST_TIMETOKEN: Final = 17_000_000_000_000_000
STATUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "inbound": ("queued", "succeeded", "failed_permanent"),
    "outbound": ("queued", "succeeded", "failed_permanent"),
    "pull": ("stored", "fetched", "delivered"),
}
FAMILIES: Final = tuple(STATUSES)


@dataclass
class Book:
    """What clients were told; each thread writes to it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    balance: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By family and id: how often reported as deleted, less how often as restored."""
    wrong: list[str] = field(default_factory=list)
    stopped: int = 0
    """Answers that say that they stopped early, which is what the API says when time is up."""
    in_doubt: int = 0
    """Messages that these answers said may have been deleted or restored as well."""
    stretches: list[range] = field(default_factory=list)
    """Timetokens that requests for the channel's history covered."""

    def complain(self, wrong: str) -> None:
        """Note what was not as it must be."""
        with self.lock:
            self.wrong.append(wrong)

    def stopped_early(self, message: str) -> None:
        """Note an answer that says so, and how many messages it is not sure of."""
        doubt = re.search(r"Up to (\d+) more", message)
        with self.lock:
            self.stopped += 1
            self.in_doubt += int(doubt[1]) if doubt else 0

    def took(self, endpoint: str, status: int, seconds: float) -> None:
        """Note an answer."""
        with self.lock:
            self.seconds[endpoint].append(seconds)
            self.statuses[endpoint][status] += 1

    def flagged(self, family: str, ids: list[str], by: int = 1) -> None:
        """Note what was reported as deleted, or by -1 as restored."""
        with self.lock:
            for each in ids:
                self.balance[family, each] += by


@dataclass
class Shop:
    """One account with messages of every family, of which there are more and more, and a keyset."""

    tenant: Tenant
    channels: Channels
    count: int = 0
    linked: list[str] = field(default_factory=list)
    deletions: list[tuple[str, str]] = field(default_factory=list)
    """Families and ids of deletions that were answered."""

    def open(self, count: int) -> None:
        """Have so many messages of each family to begin with."""
        account = {"kind": "linked_account", "account_id": self.tenant.account, "id": "la_1"}
        self.tenant.load([account | {"provider": "WHATSAPP"}])
        self.grow(count)

    def grow(self, by: int) -> None:
        """Add so many messages to each family."""
        first, last = self.count, self.count + by
        made = {
            "inbound": self.tenant.message,
            "outbound": self.tenant.outbound_message,
            "pull": self.tenant.event,
        }
        for family, make in made.items():
            self.tenant.load(
                make(number, status=STATUSES[family][number % len(STATUSES[family])])
                for number in range(first, last)
            )
        new = [f"msg_01{number:024d}" for number in range(first, last)]
        self.tenant.load(
            {
                "kind": "linked_message",
                "account_id": self.tenant.account,
                "id": each,
                "linked_account_id": "la_1",
                "provider_message_id": each,
                "sent_at": at(number),
            }
            for number, each in enumerate(new, first)
        )
        self.channels.publish(CHANNEL, range(FIRST_TIMETOKEN + first, FIRST_TIMETOKEN + last))
        self.linked += new
        self.count = last

    def some_id(self) -> str:
        """One that is there, or in one of twenty cases was never there."""
        return self.tenant.id(random.randrange(self.count)) if random.random() > 0.05 else str(uuid.uuid4())


class Client:
    """One of the crowd."""

    def __init__(self, api: str, shop: Shop, book: Book) -> None:
        self._api, self._shop, self._book = api, shop, book
        self._http = urllib3.PoolManager(retries=False, timeout=2 * LONGEST)
        self._calls: tuple[Callable[[], None], ...] = (
            *(partial(self.delete_all, family) for family in FAMILIES),
            *(partial(self.delete_all, family) for family in FAMILIES),
            *(partial(self.delete_batch, family) for family in FAMILIES),
            *(partial(self.delete_one, family) for family in FAMILIES),
            *(partial(self.plan_and_execute, family) for family in FAMILIES),
            self.delete_linked,
            self.delete_history,
            self.look_at_deletions,
            self.restore,
        )

    def call_any(self) -> None:
        """Call one of the endpoints."""
        random.choice(self._calls)()

    def ask(self, endpoint: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Call an endpoint, note how long it took, and complain of what no answer may be."""
        headers = {"authorization": f"Bearer {self._shop.tenant.key}"}
        sent = None if body is None else json.dumps(body)
        began = time.perf_counter()
        reply = self._http.request(method, self._api + path, body=sent, headers=headers)
        took = time.perf_counter() - began
        self._book.took(endpoint, reply.status, took)
        answer = json.loads(reply.data)
        # Of a linked message that another client's request is deleting, the API says so by 503.
        in_flight = answer.get("type") == "errors/service_unavailable"
        if reply.status == 200 and isinstance(answer.get("error"), dict):
            self._book.stopped_early(answer["error"]["message"])
        if took > LONGEST or (reply.status >= 500 and not in_flight):
            self._book.complain(f"{endpoint}: {reply.status} after {took:.1f} s: {reply.data[:300]!r}")
        return reply.status, answer

    def delete_all(self, family: str) -> None:
        """By a status or two, a window and a limit, as it comes."""
        status, answer = self.ask(
            f"{family}: delete-all", "POST", self._delete_all(family, random.choice((5, 50, 500)))
        )
        self._deleted(family, status, answer)
        self._note(family, answer)

    def _delete_all(self, family: str, limit: int) -> str:
        named = ",".join(random.sample(STATUSES[family], random.choice((1, 2, 3))))
        after = "created_after" if family == "outbound" else "received_after"
        window = f"&{after}={at(random.randrange(self._shop.count))}" if random.random() < 0.3 else ""
        return f"{self._root(family)}/delete-all?status={named}&limit={limit}{window}"

    def _root(self, family: str) -> str:
        roots = {
            "inbound": "/v1/inbound-messages",
            "outbound": "/v1/messages",
            "pull": f"/v1/pull-endpoints/{self._shop.tenant.pull}/events",
        }
        return roots[family]

    def _deleted(self, family: str, status: int, answer: Any) -> None:
        if status != 200:
            self._book.complain(f"{family}: delete-all answered {status}: {answer}")
            return
        data = answer["data"]
        ids = data["deleted_event_ids" if family == "pull" else "deleted_message_ids"]
        if data["deleted"] != len(ids) or len(set(ids)) != len(ids):
            self._book.complain(f"{family}: delete-all reported {data['deleted']} and {len(ids)} ids")
        self._book.flagged(family, ids)

    def _note(self, family: str, answer: Any) -> None:
        self._shop.deletions.append((family, answer["meta"]["request_id"]))

    def delete_batch(self, family: str) -> None:
        """Some that are there, some that are deleted, some that never were, one of them twice."""
        wanted = [self._shop.some_id() for _ in range(random.choice((1, 10, 99)))]
        wanted.append(wanted[0])
        status, answer = self.ask(
            f"{family}: delete-batch", "POST", f"{self._root(family)}/delete-batch", {"message_ids": wanted}
        )
        if status != 200:
            self._book.complain(f"{family}: delete-batch answered {status}: {answer}")
            return
        data = answer["data"]
        named = "event_id" if family == "pull" else "message_id"
        if [each[named] for each in data["results"]] != wanted:
            self._book.complain(f"{family}: delete-batch answered for others than it was asked for")
        if data["deleted_count"] + data["already_deleted_count"] + data["not_found_count"] != len(wanted):
            self._book.complain(f"{family}: the counts of delete-batch do not add up")
        self._book.flagged(family, [each[named] for each in data["results"] if each["outcome"] == "deleted"])
        self._note(family, answer)

    def delete_one(self, family: str) -> None:
        """One by its id."""
        wanted = self._shop.some_id()
        status, answer = self.ask(f"{family}: one", "DELETE", f"{self._root(family)}/{wanted}")
        if status == 200 and not answer["data"]["already_deleted"]:
            self._book.flagged(family, [wanted])
            self._note(family, answer)
        elif status not in (200, 404):
            self._book.complain(f"{family}: one answered {status}: {answer}")

    def plan_and_execute(self, family: str) -> None:
        """Ask what would be deleted, then delete it."""
        status, answer = self.ask(
            f"{family}: dry run", "POST", self._delete_all(family, 20) + "&dry_run=true"
        )
        if status == 200:
            plan = answer["data"]["deletion_id"]
            self._deleted(family, *self.ask("execute", "POST", f"/v1/deletions/{plan}/execute"))
            self._shop.deletions.append((family, plan))
        else:
            self._book.complain(f"{family}: dry run answered {status}: {answer}")

    def delete_linked(self) -> None:
        """One of a few, so that others want the same one."""
        wanted = random.choice(self._shop.linked[-40:])
        root = random.choice(("/v1/messages", "/api/v1/messages"))
        status, answer = self.ask("linked: one", "DELETE", f"{root}/{wanted}")
        if status == 200:
            self._book.flagged("linked", [wanted])
        elif status not in (404, 503):
            self._book.complain(f"linked: one answered {status}: {answer}")

    def delete_history(self) -> None:
        """A stretch of the channel that all clients delete from."""
        first = random.randrange(self._shop.count)
        last = min(first + random.choice((1, 10, 100)), self._shop.count)
        start, end = FIRST_TIMETOKEN + last, FIRST_TIMETOKEN + first
        path = f"/v3/history/sub-key/{self._shop.channels.sub_key}/channel/{CHANNEL}?start={start}&end={end}"
        status, answer = self.ask("channel history: stretch", "DELETE", path)
        if status == 200:
            with self._book.lock:
                self._book.stretches.append(range(end, start))
        else:
            self._book.complain(f"channel history answered {status}: {answer}")

    def look_at_deletions(self) -> None:
        """The list, one of it, and that one's messages."""
        self.ask("deletions: list", "GET", "/v1/deletions?limit=100")
        if self._shop.deletions:
            _, deletion = random.choice(self._shop.deletions)
            self.ask("deletions: one", "GET", f"/v1/deletions/{deletion}")
            self.ask("deletions: messages", "GET", f"/v1/deletions/{deletion}/messages?limit=1000")

    def restore(self) -> None:
        """All that a deletion flagged and nobody restored yet."""
        if self._shop.deletions:
            family, deletion = random.choice(self._shop.deletions)
            status, answer = self.ask("restore", "POST", f"/v1/deletions/{deletion}/restore")
            if status == 200:
                self._book.flagged(family, answer["data"]["restored_ids"], -1)
            elif status not in (404, 409):
                self._book.complain(f"restore answered {status}: {answer}")
