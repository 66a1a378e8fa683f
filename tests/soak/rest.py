"""What must be so when nothing fails any more and all is done."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta

from expunge import timetokens
from expunge.deadline import Deadline
from expunge.history import records as history_records
from expunge.table.items import items
from expunge.table.records import parse
from tests.soak.actions import Actions
from tests.soak.answers import asked_range
from tests.soak.journal import Texts
from tests.soak.service import Asked, Record
from tests.soak.themes import FAMILIES
from tests.world import SUB_KEY


def pk_of(record: Record) -> str:
    return str(items(parse(json.dumps(record).encode()))[0]["pk"]["S"])


def all_stored(service: Actions) -> None:
    """What the queue was told is stored is there, or was deleted since."""
    there = service.journal.messages()
    for record in service.delivered:
        assert pk_of(record) in there, f"a record is lost: {record}"


def nothing_deleted_is_left(service: Actions) -> None:
    left = [each for each in service.journal.messages().values() if "deleted_at" in each]
    assert left == [], f"what is due is not purged: {left}"


def settled(service: Actions, look: Callable[[str], Asked]) -> None:
    """No flag is without its deletion, which tells what became of its messages, and is in doubt of none."""
    there = service.journal.messages()
    flagged: dict[str, set[str]] = {}
    for change in service.journal.changes:
        if change.flags:
            flagged.setdefault((change.new or {})["delete_request_id"], set()).add(change.pk)
    webhooks = ("delete_all", "delete_batch", "delete_one", "plan")
    kinds = {each.request_id: each.kind for each in service.asked}
    for deletion in {*flagged, *(each for each, kind in kinds.items() if kind in webhooks)}:
        kind, pks = kinds[deletion], flagged.get(deletion, set())
        if kind == "delete_linked":
            continue
        if kind == "delete_history":
            _history_is_recorded(service, deletion)
            continue
        reply = look(deletion).answer
        if reply.status == 404:
            assert not pks, f"{deletion} has flagged {pks} and left no record"
            continue
        assert reply.status == 200, reply.body
        told = reply.data
        assert told["state"] in ("done", "partial", "planned", "expired"), told
        assert told.get("in_doubt", 0) == 0, told
        expected = Counter(_state(there[pk], deletion) for pk in pks)
        assert {name: told[name] for name in ("deleted", "restored", "purged")} == {
            name: expected[name] for name in ("deleted", "restored", "purged")
        }, (told, pks)


def _state(message: Texts, deletion: str) -> str:
    if "purged_at" in message:
        return "purged"
    return "deleted" if message.get("delete_request_id") == deletion else "restored"


def _history_is_recorded(service: Actions, deletion: str) -> None:
    record = history_records.find(service.world.store, SUB_KEY, deletion, Deadline.never())
    assert record is not None, f"{deletion} left no record"
    assert record.state == "done", record.state


def history_is_gone(service: Actions) -> None:
    """What was in the channel when a deletion of its history arrived is deleted, and no note is left."""
    assert service.world.sweeps() == 0
    inserted = {each.pk: each.at for each in service.journal.changes if each.old is None}
    lives = {
        pk: each
        for pk, each in service.journal.messages().items()
        if not {"deleted_at", "purged_at"} & set(each)
    }
    for asked in service.asked:
        if asked.kind == "delete_history" and asked.answer is not None and asked.answer.status == 200:
            channels, within = asked.about["arguments"]["path"]["channels"].split(","), asked_range(asked)
            before = asked.began - (600 if service.skewed else 0)
            for pk, each in lives.items():
                if (
                    each.get("sub_key") == SUB_KEY
                    and each["channel"] in channels
                    and int(each["timetoken"]) in within
                ):
                    arrived = inserted.get(pk, 0.0)
                    dated = timetokens.moment(int(each["timetoken"]))
                    assert arrived > before or dated >= service.timeline.start + timedelta(seconds=before), (
                        f"{pk} outlived {asked}"
                    )


def nothing_is_left_that_matches(service: Actions) -> None:
    """A deletion by filter that is repeated until it has less to do than its limit leaves nothing."""
    filters = [each for each in service.asked if each.kind == "delete_all"]
    if not filters:
        return
    asked = service.chance.choice(filters)
    arguments = asked.about["arguments"]
    while True:
        reply = service.request("delete_all", asked.about["handler"], **arguments).answer
        assert set(reply.body) == {"data", "meta"}, reply.body
        if reply.data["deleted"] < int(arguments["query"].get("limit", 1000)):
            break
    [family] = [each for each in FAMILIES if each.all is asked.about["handler"]]
    query = arguments["query"]
    for pk, each in service.journal.messages().items():
        if "acc_2" not in pk and each.get("kind") == family.kind and "deleted_at" not in each:
            assert not _matches(query, each, family.time), f"{pk} outlived {query}"


def _matches(query: Mapping[str, str], message: Texts, time: str) -> bool:
    endpoint = query.get("inbound_endpoint_id", query.get("endpoint_id", message["endpoint_id"]))
    return (
        message["status"] in query.get("status", message["status"]).split(",")
        and message["endpoint_id"] == endpoint
        and message.get("event_type") == query.get("event_type", message.get("event_type"))
        and message[f"{time}_at"] >= query.get(f"{time}_after", "")
    )
