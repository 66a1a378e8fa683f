"""The service with marked records in it, driven through its handlers, and all that is heard of it."""

import importlib
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import publish_deletions
from cli.template import functions
from expunge.history import access, signatures, tokens
from expunge.http import auth
from expunge.table import keys
from tests.bucket import NAME, Bucket, s3
from tests.functions.spread import Queue
from tests.marked.marks import MARKS, Form, Heard
from tests.stream import Bus, read_stream
from tests.upstream import Upstream
from tests.world import ACCOUNT, LINKED, PULL, SUB_KEY, Context, Reply, World, call, message_id

ROUTES = {
    f"{method} {path}": importlib.import_module(function.module).handler
    for function in functions()
    for method, path in function.routes
}
HISTORY = "DELETE /v3/history/sub-key/{sub_key}/channel/{channels}"
OUTBOUND_OR_LINKED = "DELETE /v1/messages/{message_id}"
PATH = {
    "message_id": message_id(21),
    "event_id": message_id(11),
    "id": PULL,
    "request_id": "req_1",
    "sub_key": SUB_KEY,
    "channels": "ch",
}
CONTENT = {MARKS["name in a payload"]: [MARKS["payload"]]}
KEYS: Mapping[str, Mapping[str, Any]] = {
    "API key": {},
    "revoked API key": {},
    "expired API key": {"expires_at": "2020-01-01T00:00:00Z"},
    "API key without scopes": {"scopes": []},
}


class Service:
    """The service with marked records, and all that is heard of it."""

    def __init__(self, world: World, provider: Upstream, bus: Bus, logged: Callable[[], str]) -> None:
        self.world = world
        self.provider = provider
        self.bus = bus
        self.logged = logged
        self.heard = Heard()
        self.marks = dict(MARKS)
        self.work = Queue()
        self.bucket = Bucket(s3())

    def fill(self) -> None:
        """Store the records that are not there."""
        world = self.world
        for name, fields in KEYS.items():
            world.api_key(MARKS[name], **fields)
        world.inbound_endpoint()
        world.pull_endpoint()
        world.outbound_endpoint()
        world.linked_account()
        self.bucket.s3.put_object(Bucket=NAME, Key="object", Body=MARKS["object in S3"])
        named = keys.message("INBOUND", ACCOUNT, world.message(1))
        world.name_content(named, f"s3://{NAME}/object")
        for number in range(2, 6):
            world.message(number, payload=CONTENT)
            world.event(9 + number, payload=CONTENT)
            world.outbound_message(19 + number, payload=CONTENT)
        world.linked_message(payload=CONTENT)
        world.keyset(access_manager=True, secret_key=MARKS["secret key"])
        world.auth_grant(MARKS["auth key"], "ch")
        world.channel_messages("ch", 1, 2, payload=CONTENT)

    def call(self, route: str, key: str = "API key", **request: Any) -> Reply:
        """Make a request that nothing is remembered for, with marks in the headers too."""
        auth.forget()
        access.forget()
        headers = {
            "authorization": f"Bearer {MARKS[key]}",
            "x-api-key": MARKS[key],
            "cookie": MARKS["header"],
            "user-agent": MARKS["header"],
            **request.pop("headers", {}),
        }
        path = PATH | request.pop("path", {})
        reply = call(ROUTES[route], route=route, path=path, headers=headers, **request)
        self.heard.at("reply", [reply.headers, reply.body])
        return reply

    def invoke(self, handler: Callable[[Any, Any], Any], event: Any) -> Any:
        """Have a function do what nobody waits for. Lambda logs the words of what it raises."""
        try:
            answer = handler(event, Context())
        except Exception as error:
            self.heard.at("log", f"{type(error).__name__}: {error}")
            return None
        self.heard.at("reply", answer)
        return answer

    def publish(self) -> None:
        """Bring what is in the stream, and nothing of it twice, to the function that publishes it."""
        records = read_stream("expunge")
        self.invoke(publish_deletions.handler, {"Records": records})
        self.heard.at("event", self.bus.events)

    def look_around(self) -> None:
        """Hear what lies about: the table and its contents, the work queue, what the provider was asked."""
        for item in self.world.store.client.scan(TableName="expunge")["Items"]:
            payload = item.pop("payload", {}).get("B")
            self.heard.at("table", repr(item))
            if payload is not None:
                self.heard.at("contents", zlib.decompress(payload))
        self.heard.at("queue", self.work.take())
        for asked in self.provider.asked:
            self.heard.at("provider", f"{asked.line} {asked.headers}")

    def leaks(self) -> set[tuple[str, str, Form]]:
        """What came out and may not, in the log too."""
        self.heard.at("log", self.logged())
        return self.heard.leaks(self.marks)


def permitted(service: Service) -> list[dict[str, str]]:
    """Queries that permit a deletion of history, each marked in what permits it."""
    now = str(int(time.time()))
    path = f"/v3/history/sub-key/{SUB_KEY}/channel/ch"
    message = signatures.message("DELETE", "pub-c-1", path, f"timestamp={now}")
    service.marks["signature"] = signatures.sign(MARKS["secret key"], message)
    fields = {b"v": 2, b"t": int(now), b"ttl": 60, b"res": {b"chan": {b"ch": 8}}}
    service.marks["token"] = tokens.issue(fields, MARKS["secret key"]).rstrip("=")
    return [
        {"timestamp": now, "signature": service.marks["signature"]},
        {"auth": service.marks["token"]},
        {"auth": MARKS["auth key"]},
    ]


def successes(service: Service) -> None:
    """Have every call do what it is for, and repeat it."""
    again = {"idempotency-key": MARKS["idempotency key"]}
    [planned, done] = [
        service.call("POST /v1/inbound-messages/delete-all", query=query).headers["x-request-id"]
        for query in ("dry_run=true", "limit=2")
    ]
    of_deletions = {"POST /v1/deletions/{request_id}/execute": planned}
    for route in ROUTES:
        if route == HISTORY:
            continue
        path = {"request_id": of_deletions.get(route, done)}
        body = {"message_ids": [MARKS["id in a body"], message_id(3)]} if "batch" in route else None
        replies = [service.call(route, path=path, body=body, headers=each) for each in ({}, again, again)]
        assert {reply.status for reply in replies} <= {200, 404, 409, 422}, route
    service.call("POST /v1/pull-endpoints/{id}/events/delete-all", query={"event_type": MARKS["event type"]})
    service.call("GET /v1/deletions")
    assert service.call(OUTBOUND_OR_LINKED, path={"message_id": LINKED}).status == 200
    for query in permitted(service):
        service.world.channel_messages("ch", 1, 2, payload=CONTENT)
        assert service.call(HISTORY, query=query).status == 200
