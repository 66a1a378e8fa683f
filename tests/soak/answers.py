"""What must be so of every answer: it told what was done, and no more."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from expunge import timetokens
from expunge.table import keys
from tests.soak.actions import Actions
from tests.soak.journal import Change
from tests.soak.service import Asked
from tests.world import Reply

KEYS_LAST = 23 * 3600.0
CLIENT_ERRORS = range(400, 500)


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
    _tells_its_flags(service, asked, reply, deletion, ids)


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


def _tells_its_flags(service: Actions, asked: Asked, reply: Reply, deletion: str, ids: Sequence[str]) -> None:
    then = _flagged(service, deletion, asked.written_by_then)
    _told_truly(service, asked, reply, then, _flagged(service, deletion), ids)


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
    _tells_its_flags(service, asked, reply, deletion, ids)


def _one(service: Actions, asked: Asked, reply: Reply) -> None:
    _refused_does_nothing(service, asked, reply)
    if reply.status != 200:
        return
    deletion = reply.headers["x-request-id"]
    [message] = [each for name, each in reply.data.items() if name.endswith("_id")]
    ids = [] if reply.data["already_deleted"] else [message]
    _tells_its_flags(service, asked, reply, deletion, ids)


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
    within = asked_range(asked)
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
    owned_up_to = 0 if not asked.faults else answer.get("in_doubt", 0)
    assert done <= answer["purged"] + owned_up_to, f"{asked} counts too few"


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


def asked_range(asked: Asked) -> range:
    query = asked.about["arguments"]["query"]
    return timetokens.between(*(int(query[each]) if each in query else None for each in ("start", "end")))
