"""What must be so, whatever failed: said anew from the journal of all writes and from the answers alone."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from expunge import timestamps, timetokens
from expunge.deadline import Deadline
from expunge.deletions.covered import Covered
from expunge.events import changes as told_changes
from expunge.history import records as history_records
from expunge.table import keys, living
from expunge.table.items import items
from expunge.table.records import parse
from tests.soak.actions import FAMILIES, Actions
from tests.soak.journal import Change, Texts
from tests.soak.service import Asked, Record
from tests.stream import in_order
from tests.world import SUB_KEY, Reply

FLAGS = frozenset({"deleted_at", "deleted_by", "delete_request_id", "purge_at"})
RETENTION = timedelta(days=30)
IN_FORCE_AFTER = 60.0
KEYS_LAST = 23 * 3600.0
CLIENT_ERRORS = range(400, 500)


def by_kind(asked: Iterable[Asked]) -> dict[str, int]:
    return dict(Counter(each.kind for each in asked))


def pk_of(record: Record) -> str:
    return str(items(parse(json.dumps(record).encode()))[0]["pk"]["S"])


# What was written


def journal(service: Actions) -> None:
    """Every write that was ever made to a message was one that may be made."""
    flagged: set[tuple[str, str]] = set()
    for number, change in enumerate(service.journal.changes):
        assert "acc_2" not in change.pk, change
        old, new = change.old, change.new
        assert new is not None, f"a record is removed, its tombstone too: {change}"
        assert old is None or "purged_at" not in old, f"something changes a tombstone: {change}"
        if "purged_at" in new:
            _may_be_purged(service, number, change)
        elif "deleted_at" in new:
            _is_whole_in_the_bin(change)
            if change.flags:
                which = (change.pk, new["delete_request_id"])
                assert which not in flagged, f"a deletion flags a message twice: {change}"
                flagged.add(which)
            if "erased_at" in new and "erased_at" not in (old or {}):
                _is_not_held(service, number, change)
            if old is not None and "deleted_at" in old:
                assert all(old[name] == new[name] for name in FLAGS - {"purge_at"}), change
        elif change.restores:
            assert new.get("restored_from") == (old or {})["delete_request_id"], change
            assert "erased_at" not in (old or {}), change
        if not {"deleted_at", "purged_at"} & set(new):
            place = living.place(new)
            assert {name: new.get(name) for name in place} == place, change
            assert not FLAGS & set(new), change
    _content_goes_with_its_message(service)


def _may_be_purged(service: Actions, number: int, change: Change) -> None:
    old = change.old
    assert old is not None
    assert "deleted_at" in old, f"a living message is purged: {change}"
    until = max(change.clock, service.asked[change.author - 1].about.get("until", ""))
    assert old["purge_at"] <= until, f"purged before its time: {change}"
    if "erased_at" not in old:
        deleted_at = timestamps.parse(old["deleted_at"])
        assert deleted_at + RETENTION <= timestamps.parse(until), f"purged before its time: {change}"
    _is_not_held(service, number, change)


def _is_not_held(service: Actions, number: int, change: Change) -> None:
    for hold in service.holds:
        in_force = hold.returned + IN_FORCE_AFTER <= change.at
        over = hold.released is not None and hold.released <= number
        assert not (in_force and not over and _covers(hold.covered, change)), f"held: {change} {hold}"


def _covers(covered: Covered, change: Change) -> bool:
    message = change.old or {}
    own = {"account_id": message.get("account_id"), "sub_key": message.get("sub_key")}
    own["channel"] = message.get("channel")
    own["endpoint_id"] = message.get("endpoint_id", message.get("linked_account_id"))
    wanted = covered.told()
    ids = wanted.pop("messages", None)
    return (ids is None or message.get("id") in ids) and all(own[name] == wanted[name] for name in wanted)


def _is_whole_in_the_bin(change: Change) -> None:
    new = change.new or {}
    assert set(new) >= FLAGS, change
    assert "group_pk" not in new, change
    assert new["state_pk"].partition("#")[0] in ("BIN", "HELD"), change
    assert new["state_sk"] == keys.bin_order(new["purge_at"], change.pk), change


def _content_goes_with_its_message(service: Actions) -> None:
    there = service.journal.messages()
    contents = {pk for pk, sk in service.memory.items if sk == keys.CONTENT}
    whole = {pk for pk, each in there.items() if not {"purged_at", "erased_at"} & set(each)}
    assert contents == whole


def _flagged(service: Actions, deletion: str, until: int | None = None) -> dict[str, Change]:
    return {
        each.pk: each
        for each in service.journal.changes[:until]
        if each.flags and (each.new or {})["delete_request_id"] == deletion
    }


def _restored(service: Actions, request: str, until: int | None = None) -> set[str]:
    return {
        each.pk
        for each in service.journal.changes[:until]
        if each.restores and (each.new or {}).get("restored_request_id") == request
    }


def _restored_last(service: Actions, request: str, until: int) -> set[str]:
    """What no other request has restored again by then: a message bears the last one's id only."""
    last = {each.pk: (each.new or {}) for each in service.journal.changes[:until]}
    again = {pk for pk, each in last.items() if each.get("restored_request_id", request) != request}
    return _restored(service, request) - again


# What was answered


def answers(service: Actions) -> None:
    """Every answer told what was done, and no more."""
    for asked in service.asked:
        assert asked.in_time or "handler" not in asked.about, f"Lambda would have ended {asked}"
        check = _CHECKS.get(asked.kind)
        if check is not None and asked.answer is not None:
            check(service, asked, asked.answer)


def keys_are_used_once(service: Actions) -> None:
    """All requests with one idempotency key are one deletion, and each answers as the first one did.

    Whether the first one can still be at work is told by the clock: not where clocks are minutes apart.
    """
    if service.skewed:
        return
    for first in [each for each in service.asked if each.about.get("key") and not each.about["of"]]:
        same = [first, *(each for each in service.asked if each.about.get("of") is first)]
        if same[-1].ended - first.began > KEYS_LAST:
            continue
        ids = {(each.new or {})["delete_request_id"] for one in same for each in _by(service, one)}
        assert len(ids) <= 1, f"{first} was carried out again: {ids}"
        done = [
            each.answer.body for each in same if each.answer and set(each.answer.body) == {"data", "meta"}
        ]
        assert all(each == done[0] for each in done), f"{first} was answered differently: {done}"


def _refused_does_nothing(service: Actions, asked: Asked, reply: Reply) -> None:
    if reply.status in CLIENT_ERRORS:
        assert not [
            each
            for each in service.journal.changes
            if each.author == asked.number and (each.flags or each.restores or each.purges)
        ], f"{asked.kind} was refused with {reply.body} and changed something"


def _by_filter(service: Actions, asked: Asked, reply: Reply) -> None:
    _refused_does_nothing(service, asked, reply)
    if reply.status != 200:
        return
    deletion = reply.headers["x-request-id"]
    if asked.kind == "execute":
        deletion = asked.about["arguments"]["path"]["request_id"]
    [ids] = [each for each in reply.data.values() if isinstance(each, list)]
    assert reply.data["deleted"] == len(ids) == len(set(ids)), reply.body
    _told_truly(
        service,
        asked,
        reply,
        _flagged(service, deletion, asked.written_by_then),
        _flagged(service, deletion),
        ids,
    )


def _told_truly(
    service: Actions, asked: Asked, reply: Reply, then: Iterable[str], ever: Iterable[str], ids: Sequence[str]
) -> None:
    """Reported is what was done by then, and what was done is reported or owned up to."""
    told = set(ids)
    assert told <= set(map(keys.message_id, then)), f"{asked} reports what it did not do: {reply.body}"
    later = {each.pk for each in service.journal.changes if each.author > asked.number}
    unreported = {keys.message_id(pk) for pk in ever if pk not in later} - told
    more = re.search(r"(\d+) more", reply.body.get("error", {}).get("message", ""))
    doubt = int(more[1]) if more else 0
    assert len(unreported) <= doubt, f"{asked} does not report {unreported}: {reply.body}"


def _plan(service: Actions, asked: Asked, _: Reply) -> None:
    assert not _by(service, asked), "a plan deletes something"


def _by(service: Actions, asked: Asked) -> list[Change]:
    return [each for each in service.journal.changes if each.author == asked.number and each.flags]


def _batch(service: Actions, asked: Asked, reply: Reply) -> None:
    _refused_does_nothing(service, asked, reply)
    if reply.status != 200:
        return
    deletion = reply.headers["x-request-id"]
    outcomes = Counter(each["outcome"] for each in reply.data["results"])
    noun = "event_id" if "event_id" in reply.data["results"][0] else "message_id"
    for name in ("deleted", "already_deleted", "not_found"):
        assert reply.data[f"{name}_count"] == outcomes[name], reply.body
    ids = [each[noun] for each in reply.data["results"] if each["outcome"] == "deleted"]
    assert len(ids) == len(set(ids)), reply.body
    _told_truly(
        service,
        asked,
        reply,
        _flagged(service, deletion, asked.written_by_then),
        _flagged(service, deletion),
        ids,
    )


def _one(service: Actions, asked: Asked, reply: Reply) -> None:
    _refused_does_nothing(service, asked, reply)
    if reply.status != 200:
        return
    deletion = reply.headers["x-request-id"]
    [message] = [each for name, each in reply.data.items() if name.endswith("_id")]
    ids = [] if reply.data["already_deleted"] else [message]
    _told_truly(
        service,
        asked,
        reply,
        _flagged(service, deletion, asked.written_by_then),
        _flagged(service, deletion),
        ids,
    )


def _linked(service: Actions, asked: Asked, reply: Reply) -> None:
    _refused_does_nothing(service, asked, reply)
    if reply.status == 200:
        assert reply.body == {"object": "MessageDeleted"}
        message = asked.about["arguments"]["path"]["message_id"]
        flagged = _flagged(service, reply.headers["x-request-id"], asked.written_by_then)
        assert set(map(keys.message_id, flagged)) == {message}, reply.body
        assert all("erased_at" in (each.new or {}) for each in flagged.values())


def _history(service: Actions, asked: Asked, reply: Reply) -> None:
    _refused_does_nothing(service, asked, reply)
    channels = asked.about["arguments"]["path"]["channels"].split(",")
    within = _range(asked)
    for change in _flagged(service, asked.request_id).values():
        message = change.new or {}
        assert message["channel"] in channels, change
        assert int(message["timetoken"]) in within, change


def _restore(service: Actions, asked: Asked, reply: Reply) -> None:
    _refused_does_nothing(service, asked, reply)
    if reply.status != 200:
        return
    request, ids = reply.headers["x-request-id"], reply.data["restored_ids"]
    assert reply.data["restored"] == len(ids) == len(set(ids)), reply.body
    _told_truly(
        service,
        asked,
        reply,
        _restored(service, request, asked.written_by_then),
        _restored_last(service, request, asked.written_by_then),
        ids,
    )


def _purge(service: Actions, asked: Asked, answer: Any) -> None:
    if not isinstance(answer, dict) or "purged" not in answer:
        return
    done = sum(each.purges for each in service.journal.changes if each.author == asked.number)
    assert answer["purged"] <= done, f"{asked} counts too many"
    if not asked.faults:
        assert answer["purged"] == done, f"{asked} counts too few"


_CHECKS: Mapping[str, Callable[[Actions, Asked, Any], None]] = {
    "delete_all": _by_filter,
    "execute": _by_filter,
    "plan": _plan,
    "delete_batch": _batch,
    "delete_one": _one,
    "delete_linked": _linked,
    "delete_history": _history,
    "restore": _restore,
    "purge": _purge,
    "work": _purge,
}


# What is left when all is done


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
            channels, within = asked.about["arguments"]["path"]["channels"].split(","), _range(asked)
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


def _range(asked: Asked) -> range:
    query = asked.about["arguments"]["query"]
    return timetokens.between(*(int(query[each]) if each in query else None for each in ("start", "end")))


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


def events(service: Actions) -> None:
    """Every deletion, restore and purge of every message is on the bus, in order."""
    happened: dict[str, list[tuple[str, str]]] = {}
    for change in service.journal.changes:
        old, new = change.old or {}, change.new or {}
        told = happened.setdefault(change.pk, [])
        if change.old is None:
            continue
        if change.flags:
            told.append((told_changes.DELETED, new["delete_request_id"]))
        if change.restores:
            told.append((told_changes.RESTORED, old["delete_request_id"]))
        if change.purges:
            told.append((told_changes.PURGED, old["delete_request_id"]))
    for pk, expected in happened.items():
        told = service.bus.about(keys.identity(pk).id)
        assert set(expected) == set(told), f"{pk}: {expected} happened, {told} was told"
        assert in_order(told, expected), f"{pk}: {expected} happened, {told} was told"
