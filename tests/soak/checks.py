"""What must be so of everything that was written, whatever failed: said anew from the journal of writes."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from expunge import timestamps
from expunge.deletions.covered import Covered
from expunge.events import changes as told_changes
from expunge.table import keys, living
from tests.soak.actions import Actions
from tests.soak.journal import Change
from tests.soak.service import Asked
from tests.stream import in_order

FLAGS = frozenset({"deleted_at", "deleted_by", "delete_request_id", "purge_at"})
RETENTION = timedelta(days=30)
IN_FORCE_AFTER = 60.0


def by_kind(asked: Iterable[Asked]) -> dict[str, int]:
    return dict(Counter(each.kind for each in asked))


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
