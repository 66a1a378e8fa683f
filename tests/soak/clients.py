"""What clients ask for: every call of the API, and the same again."""

from typing import Any

import delete_channel_history
import delete_message
import execute_deletion
import get_deletion
import list_deletion_messages
import list_deletions
import restore_deletion
from tests.soak.incoming import Incoming
from tests.soak.service import Asked
from tests.soak.themes import CHANNELS, ENDPOINTS, TYPES
from tests.world import KEY, OUTBOUND, SUB_KEY, Handler, Reply, at, call, message_id


class Clients(Incoming):
    """Sends requests."""

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
