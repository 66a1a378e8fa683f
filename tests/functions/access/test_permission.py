"""Who may delete from history, and what refusals tell PubNub's SDKs."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from delete_channel_history import handler
from expunge import timestamps
from expunge.table import keys
from expunge.table.store import store
from tests.functions.access.asking import FORBIDDEN, answer, delete, denied, now, signed, token
from tests.world import SECRET_KEY, SUB_KEY, World, call


def test_an_unknown_sub_key_is_refused(world: World) -> None:
    for sub_key in ("sub-c-2", "", "a" * 129, "a#b", "\ud800"):
        reply = call(handler, path={"sub_key": sub_key, "channels": "ch1"}, query="")
        assert answer(reply) == denied(400, "Invalid Subscribe Key")
    assert world.history("ch1") == [1]


def test_where_deleting_from_history_is_off_nothing_permits_it(world: World) -> None:
    world.keyset(access_manager=True, delete_from_history=False)
    message = "Deleting from history is not enabled for this subscribe key"

    assert answer(delete("ch1", signed("ch1", f"timestamp={now()}"))) == denied(403, message)
    assert answer(delete("ch1", {"auth": token("ch1")})) == denied(403, message)
    world.keyset(delete_from_history=False)
    assert answer(delete()) == denied(403, message)
    assert world.history("ch1") == [1]


def test_without_access_manager_whatever_a_request_shows_is_not_looked_at(world: World) -> None:
    world.keyset(access_manager=False)

    assert delete("ch1", "auth=x&signature=y&timestamp=z").status == 200
    assert world.history("ch1") == []


def test_with_access_manager_a_request_must_show_something(world: World) -> None:
    assert answer(delete("ch1,ch2")) == denied(403, FORBIDDEN, "ch1", "ch2")
    assert answer(delete("ch1", "auth=")) == denied(403, FORBIDDEN, "ch1")
    assert world.history("ch1") == [1]


def test_a_token_permits_the_channels_that_it_names(world: World) -> None:
    shown = token("ch1", pat={b"chan": {b"room-.*": 8}})

    assert answer(delete("ch1,ch2,room-1", {"auth": shown})) == denied(403, FORBIDDEN, "ch2")
    assert world.history("ch1") == [1]
    assert delete("ch1,room-1", {"auth": shown.rstrip("=")}).status == 200
    assert world.history("ch1") == []


def test_a_token_is_good_until_its_time_is_over(world: World) -> None:
    assert answer(delete("ch1", {"auth": token("ch1", t=now() - 60)})) == denied(403, "Token is expired")
    assert world.history("ch1") == [1]
    assert delete("ch1", {"auth": token("ch1", t=now() - 30)}).status == 200


def test_a_token_of_a_uuid_is_good_for_requests_with_it(world: World) -> None:
    shown = token("ch1", uuid="mé & you".encode())

    assert answer(delete("ch1", {"auth": shown})) == denied(403, FORBIDDEN, "ch1")
    assert answer(delete("ch1", {"auth": shown, "uuid": "me"})) == denied(403, FORBIDDEN, "ch1")
    assert world.history("ch1") == [1]
    assert delete("ch1", {"auth": shown, "uuid": "mé & you"}).status == 200


def test_a_token_of_another_keyset_is_refused(world: World) -> None:
    shown = token("ch1", secret_key="sec-c-2")

    assert answer(delete("ch1", {"auth": shown})) == denied(403, FORBIDDEN, "ch1")
    assert world.history("ch1") == [1]


def test_a_wrong_signature_beside_a_good_token_does_no_harm() -> None:
    query = {"auth": token("ch1"), "signature": "v2.x", "timestamp": str(now())}

    assert delete("ch1", query).status == 200


def test_an_auth_key_permits_the_channels_that_were_granted(world: World) -> None:
    world.auth_grant("key-1", "ch1", "ch2")

    assert answer(delete("ch1,ch2,ch3", "auth=key-1")) == denied(403, FORBIDDEN, "ch3")
    assert answer(delete("ch1", "auth=key-2")) == denied(403, FORBIDDEN, "ch1")
    assert world.history("ch1") == [1]
    assert delete("ch1,ch2", "auth=key-1").status == 200
    assert world.history("ch1") == []


@pytest.mark.parametrize(
    "grant",
    [{"expires_at": "2026-01-01T00:00:00Z"}, {"permissions": ["read", "write"]}, {"sub_key": "sub-c-2"}],
)
def test_a_grant_must_be_of_deleting_there_and_now(world: World, grant: dict[str, Any]) -> None:
    world.auth_grant("key", "ch1", **grant)

    assert answer(delete("ch1", "auth=key")) == denied(403, FORBIDDEN, "ch1")
    assert world.history("ch1") == [1]


def test_a_grant_ends_at_its_time(world: World) -> None:
    world.auth_grant("key", "ch1", expires_at=timestamps.micros(timestamps.now()))
    assert answer(delete("ch1", "auth=key")) == denied(403, FORBIDDEN, "ch1")

    world.auth_grant("key", "ch1", expires_at=timestamps.micros(timestamps.now() + timedelta(microseconds=1)))
    assert delete("ch1", "auth=key").status == 200


def test_the_longest_auth_key_is_as_good_as_any(world: World) -> None:
    world.auth_grant("k" * 256, "ch1")

    assert delete("ch1", "auth=" + "k" * 256).status == 200


def test_an_auth_key_of_any_kind_never_crashes(world: World) -> None:
    for auth in ("", "%00", "x" * 257, "\N{PARTY POPPER}", "a#b", "p0F2", "AAAA"):
        assert answer(delete("ch1", f"auth={auth}")) == denied(403, FORBIDDEN, "ch1")
    assert world.history("ch1") == [1]


class Reads:
    """Counts what is read of keysets and grants, and moves the clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.count = 0
        for name in ("get_item", "batch_get_item"):
            monkeypatch.setattr(store().client, name, self._counted(getattr(store().client, name)))

    def _counted(self, read: Any) -> Any:
        def counting(**arguments: Any) -> Any:
            self.count += 1
            return read(**arguments)

        return counting

    def pass_time(self, seconds: int) -> None:
        later = timestamps.now() + timedelta(seconds=seconds)
        self._monkeypatch.setattr(timestamps, "now", lambda: later)


@pytest.fixture
def reads(world: World, monkeypatch: pytest.MonkeyPatch) -> Reads:  # noqa: ARG001 - before the store
    return Reads(monkeypatch)


def test_permission_is_decided_with_two_reads_and_when_warm_with_none(world: World, reads: Reads) -> None:
    channels = [f"ch{number}" for number in range(50)]
    world.auth_grant("key", *channels)

    assert delete(",".join(channels), "auth=key&start=0").status == 200
    assert reads.count == 2
    assert delete(",".join(channels), "auth=key&start=0").status == 200
    assert delete("ch7", {"auth": token("ch7"), "start": "0"}).status == 200
    assert reads.count == 2


def test_a_request_that_shows_nothing_is_refused_after_the_keyset_alone_was_read(reads: Reads) -> None:
    assert answer(delete("ch1")) == denied(403, FORBIDDEN, "ch1")
    assert answer(delete("ch1", "auth=")) == denied(403, FORBIDDEN, "ch1")
    assert reads.count == 2


def test_what_is_revoked_or_switched_off_stops_within_a_minute(world: World, reads: Reads) -> None:
    world.auth_grant("key", "ch1")
    assert delete("ch1", "auth=key&start=0").status == 200

    world.auth_grant("key", "ch1", permissions=[])
    reads.pass_time(59)
    assert answer(delete("ch1", "auth=key")) == denied(403, FORBIDDEN, "ch1")

    world.keyset(delete_from_history=False)
    reads.pass_time(59)
    assert delete("ch1").status == 403
    assert world.history("ch1") == [1]


def test_a_grant_that_the_table_notes_as_revoked_permits_nothing(world: World) -> None:
    world.auth_grant("key", "ch1", "ch2")
    grant = keys.grant(sha256(b"key").hexdigest(), "ch1")
    world.store.client.update_item(
        TableName=world.store.table,
        Key={"pk": {"S": keys.keyset(SUB_KEY)}, "sk": {"S": grant}},
        UpdateExpression="SET revoked_at = :now",
        ExpressionAttributeValues={":now": {"S": timestamps.millis(timestamps.now())}},
    )

    assert answer(delete("ch1,ch2", "auth=key")) == denied(403, FORBIDDEN, "ch1")
    assert world.history("ch1") == [1]
    assert delete("ch2", "auth=key").status == 200


def test_what_is_granted_or_switched_on_counts_at_once(world: World) -> None:
    world.keyset(access_manager=True, delete_from_history=False)
    assert delete("ch1", "auth=key").status == 403

    world.keyset(access_manager=True)
    assert delete("ch1", "auth=key").status == 403

    world.auth_grant("key", "ch1")
    assert delete("ch1", "auth=key").status == 200

    world.keyset(access_manager=True, secret_key="sec-c-2")
    assert delete("ch1", {"auth": token("ch1", secret_key="sec-c-2")}).status == 200
    world.keyset(access_manager=False)
    assert delete("ch1").status == 200


def test_neither_tokens_nor_signatures_nor_keys_are_logged(logged: Any) -> None:
    shown = token("ch1")
    query = signed("ch1", f"timestamp={now()}")

    delete("ch1", {"auth": shown})
    delete("ch1", query)
    delete("ch1", "auth=secret-auth-key&signature=v2.secret-signature&timestamp=1")
    delete("ch1", f"auth={shown}&start=x")

    text = str(logged())
    assert "ACCESS_DENIED" in text
    for secret in (shown, query.rpartition("=")[2], SECRET_KEY, "secret-auth-key", "secret-signature"):
        assert secret not in text
