"""What all nine webhook endpoints ask of a caller before anything else."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

import delete_inbound_message
import delete_inbound_message_batch
import delete_inbound_messages
import delete_message
import delete_outbound_message_batch
import delete_outbound_messages
import delete_pull_event
import delete_pull_event_batch
import delete_pull_events
from expunge import timestamps
from expunge.http import auth
from expunge.table import keys
from expunge.table.store import store
from tests.world import ACCOUNT, KEY, PULL, Handler, Reply, World, call, message_id

UNAUTHORIZED = (401, "UNAUTHORIZED", "Invalid or missing API key")

INBOUND = delete_inbound_messages.handler
HANDLERS = {
    "inbound:delete": INBOUND,
    "inbound:delete in batch": delete_inbound_message_batch.handler,
    "inbound:delete of one": delete_inbound_message.handler,
    "pull:delete": delete_pull_events.handler,
    "pull:delete in batch": delete_pull_event_batch.handler,
    "pull:delete of one": delete_pull_event.handler,
    "outbound:delete": delete_outbound_messages.handler,
    "outbound:delete in batch": delete_outbound_message_batch.handler,
    "outbound:delete of one": delete_message.handler,
}
BATCHES = tuple(handler for name, handler in HANDLERS.items() if name.endswith("in batch"))


@pytest.fixture(autouse=True)
def live_messages(world: World) -> None:
    world.pull_endpoint()
    world.inbound_endpoint()
    world.message(1)
    world.outbound_message(1)
    world.event(2)


@pytest.fixture(params=HANDLERS)
def scope(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(handler: Handler, authorization: str | None = f"Bearer {KEY}", **headers: str) -> Reply:
    if authorization is not None:
        headers["authorization"] = authorization
    path = {"id": PULL, "message_id": message_id(1), "event_id": message_id(2)}
    body = {"message_ids": [message_id(1)]} if handler in BATCHES else None
    return call(handler, path=path, headers=headers, body=body)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        KEY,
        f"Basic {KEY}",
        f"Bearer {KEY} {KEY}",
        "Bearer hb_live_unknown",
        f"Bearer {KEY.upper()}",
        "Bearer " + "x" * 10_000,
        "Bearer \udcff",
    ],
)
def test_a_malformed_or_unknown_key_is_refused(world: World, authorization: str) -> None:
    world.api_key()

    assert ask(INBOUND, authorization).error == UNAUTHORIZED
    assert world.deleted() == set()


@pytest.mark.parametrize("authorization", [None, "Bearer hb_live_unknown"])
def test_every_call_asks_for_a_key(world: World, scope: str, authorization: str | None) -> None:
    world.api_key()

    assert ask(HANDLERS[scope], authorization).error == UNAUTHORIZED
    assert world.deleted() == set()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_s_case_does_not_matter(world: World, scheme: str) -> None:
    world.api_key()

    assert ask(INBOUND, f"{scheme} {KEY}").status == 200


def test_a_key_without_the_scope_is_forbidden(world: World, scope: str) -> None:
    name = scope.split(" ", maxsplit=1)[0]
    world.api_key(scopes=sorted({"inbound:delete", "pull:delete", "messages:delete"} - {name}))

    assert ask(HANDLERS[scope]).error == (403, "FORBIDDEN", f"This API key lacks the scope {name}")
    assert world.deleted() == set()


def test_a_key_with_just_the_scope_is_enough(world: World, scope: str) -> None:
    world.api_key(scopes=[scope.split(" ", maxsplit=1)[0]])

    assert ask(HANDLERS[scope]).status == 200


def test_a_key_with_no_scopes_at_all_is_forbidden(world: World) -> None:
    world.api_key(scopes=[])

    assert ask(INBOUND).status == 403


def test_authentication_comes_before_everything_that_may_be_wrong_with_a_request() -> None:
    reply = call(INBOUND, query="limit=nonsense", headers={})

    assert reply.error == UNAUTHORIZED


def clock(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(timestamps, "now", lambda: moment)


def test_a_key_expires_to_the_microsecond_also_while_it_is_remembered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = datetime(2027, 1, 1, tzinfo=UTC)
    world.api_key(expires_at="2027-01-01T01:00:00+01:00")

    clock(monkeypatch, end - timedelta(microseconds=1))
    assert ask(INBOUND).status == 200
    clock(monkeypatch, end)
    assert ask(INBOUND).error == UNAUTHORIZED


def revoke(world: World) -> None:
    world.store.client.update_item(
        TableName="expunge",
        Key={"pk": {"S": keys.api_key(sha256(KEY.encode()).hexdigest())}, "sk": {"S": keys.API_KEY}},
        UpdateExpression="SET revoked_at = :now",
        ExpressionAttributeValues={":now": {"S": "2026-04-01T00:00:00.000Z"}},
    )


def test_a_revoked_key_stops_working_within_a_minute(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.api_key()
    start = datetime(2026, 5, 1, tzinfo=UTC)
    clock(monkeypatch, start)
    assert ask(INBOUND).status == 200

    revoke(world)

    clock(monkeypatch, start + timedelta(seconds=60))
    assert ask(INBOUND).error == UNAUTHORIZED


def test_a_key_that_was_unknown_works_as_soon_as_it_is_there(world: World) -> None:
    assert ask(INBOUND).error == UNAUTHORIZED
    world.api_key()

    assert ask(INBOUND).status == 200


def test_a_warm_call_needs_no_round_trip_for_the_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.api_key()
    ask(INBOUND)

    def unexpected(**_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(store().client, "get_item", unexpected)
    assert ask(INBOUND).status == 200


TODAY = datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)


class Updates:
    """The writes to API keys that the functions make, in a function that is new."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = 0
        self.failure: Exception | None = None
        self._update = store().client.update_item
        monkeypatch.setattr(store().client, "update_item", self._counted)

    def _counted(self, **arguments: Any) -> Any:
        if arguments["Key"]["sk"]["S"] != keys.API_KEY:
            return self._update(**arguments)
        self.made += 1
        if self.failure is not None:
            raise self.failure
        return self._update(**arguments)


def last_use(world: World) -> str | None:
    place = {"pk": {"S": keys.api_key(sha256(KEY.encode()).hexdigest())}, "sk": {"S": keys.API_KEY}}
    item = world.store.client.get_item(TableName="expunge", Key=place)["Item"]
    return item["last_used_on"]["S"] if "last_used_on" in item else None


def unused_key(world: World, **fields: Any) -> None:
    world.load({"kind": "api_key", "key": KEY, "account_id": ACCOUNT, **fields})


def test_the_day_of_a_key_s_use_is_noted_once_a_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    unused_key(world)
    updates = Updates(monkeypatch)

    for moment, day, made in [
        (TODAY, "2026-05-01", 1),
        (TODAY, "2026-05-01", 1),
        (TODAY + timedelta(seconds=1), "2026-05-02", 2),
        (TODAY + timedelta(hours=20), "2026-05-02", 2),
        (TODAY, "2026-05-02", 2),
    ]:
        clock(monkeypatch, moment)
        auth.forget()
        assert ask(INBOUND).status == 200
        assert (last_use(world), updates.made) == (day, made)


def test_a_key_that_is_not_let_in_was_not_used(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    unused_key(world, expires_at="2026-04-30T00:00:00Z")
    clock(monkeypatch, TODAY)

    assert ask(INBOUND).error == UNAUTHORIZED
    assert last_use(world) is None


def test_a_request_does_not_fail_when_the_day_cannot_be_noted(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    unused_key(world)
    updates = Updates(monkeypatch)
    updates.failure = EndpointConnectionError(endpoint_url="http://127.0.0.1")

    assert ask(INBOUND).data == {"deleted": 1, "deleted_message_ids": [message_id(1)]}
    assert updates.made == 1
    assert [(line["message"], line["error"]) for line in logged() if "error" in line] == [
        ("The day of an API key's use was not noted", "EndpointConnectionError")
    ]


def test_a_request_waits_no_longer_than_a_moment_for_the_day_to_be_noted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    unused_key(world)
    answered, written = Event(), Event()
    update = store().client.update_item

    def stalled(**arguments: Any) -> Any:
        if arguments["Key"]["sk"]["S"] != keys.API_KEY:
            return update(**arguments)
        answered.wait(60)
        return written.set()

    monkeypatch.setattr(store().client, "update_item", stalled)

    assert ask(INBOUND).status == 200
    assert not written.is_set()
    answered.set()


def test_neither_the_table_nor_the_log_holds_a_key(
    world: World, scope: str, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    world.api_key(scopes=[])
    ask(HANDLERS[scope])
    ask(HANDLERS[scope], "Bearer hb_live_unknown")

    written = logged()
    assert [line["code"] for line in written] == ["FORBIDDEN", "UNAUTHORIZED"]
    assert KEY not in str(written)
    assert "hb_live_unknown" not in str(written)
    assert KEY not in str(world.store.client.scan(TableName="expunge")["Items"])
