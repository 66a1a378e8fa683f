"""What clients delete, and what they are told of it."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from delete_channel_history import handler as delete_history
from delete_inbound_messages import handler as delete_inbound
from delete_message import handler as delete_linked
from delete_pull_event_batch import handler as delete_batch
from delete_pull_events import handler as delete_pull
from expunge import timetokens
from tests.model.expected import CHANNELS, ENDPOINTS, RETENTION, TYPES, Matches, Message, Record, Trouble
from tests.model.writers import Writers, picks
from tests.world import KEY, PULL, SUB_KEY, Reply, at, call, message_id

some_statuses = st.sampled_from([(), ("queued",), ("succeeded", "failed_permanent"), ("queued", "succeeded")])
some_time = st.one_of(st.none(), st.integers(0, 8))
limits = st.integers(1, 6)
troubles: st.SearchStrategy[Trouble] = st.sampled_from(["", "", "a lost answer", "a writer"])


class Clients(Writers):
    """Deletions of every family, by filter and by id, and what another account is told."""

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
