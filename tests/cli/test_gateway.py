import asyncio
import base64
import json
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.events import MalformedReplyError, Request, Response, event_of, response_of
from cli.gateway import BODY_LIMIT, Gateway, Message
from cli.invoke import EVENT_LIMIT, Invoker, Nursery
from cli.routes import Match, Routes
from cli.template import NO_CORS, Cors, Function

NOT_FOUND = (404, b'{"message":"Not Found"}')
SERVER_ERROR = (500, b'{"message":"Internal Server Error"}')
TOO_LARGE = (413, b'{"message":"Request Entity Too Large"}')


def function(
    *routes: tuple[str, str], name: str = "Test", code: Path = Path(), timeout: int = 10
) -> Function:
    return Function(name, code, "handlers", name.lower(), timeout, 512, {}, routes)


def request(method: str = "POST", path: str = "/", query: str = "", **more: Any) -> Request:
    return Request(method, path, query, **{"headers": [], "body": b"", "source_ip": "127.0.0.1", **more})


# ------------------------------------------------------------------------------------- requests and events


def test_a_request_becomes_an_event_of_payload_format_2() -> None:
    match = Match(function(), "POST /v1/pull-endpoints/{id}/events/delete-all", {"id": "a b"})
    sent = request(
        path="/v1/pull-endpoints/a%20b/events/delete-all",
        query="status=stored&status=fetched&received_after=2026-01-01T00:00:00%2B01:00&q=a+b&empty=&bare",
        headers=[
            ("host", "127.0.0.1:3000"),
            ("user-agent", "curl/8.5.0"),
            ("accept", "text/html"),
            ("accept", "*/*"),
            ("cookie", "a=1; b=2"),
            ("content-type", "application/json; charset=utf-8"),
        ],
        body='{"message_ids":["é"]}'.encode(),
        id="JKJaXmPLvHcESHA=",
        time=datetime(2026, 4, 5, 14, 23, 11, 123456, tzinfo=UTC),
    )
    assert event_of(sent, match) == {
        "version": "2.0",
        "routeKey": "POST /v1/pull-endpoints/{id}/events/delete-all",
        "rawPath": "/v1/pull-endpoints/a b/events/delete-all",
        "rawQueryString": (
            "status=stored&status=fetched&received_after=2026-01-01T00:00:00%2B01:00&q=a+b&empty=&bare"
        ),
        "cookies": ["a=1", "b=2"],
        "headers": {
            "host": "127.0.0.1:3000",
            "user-agent": "curl/8.5.0",
            "accept": "text/html,*/*",
            "content-type": "application/json; charset=utf-8",
        },
        "queryStringParameters": {
            "status": "stored,fetched",
            "received_after": "2026-01-01T00:00:00+01:00",
            "q": "a b",
            "empty": "",
            "bare": "",
        },
        "pathParameters": {"id": "a b"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "expunge",
            "domainName": "127.0.0.1",
            "domainPrefix": "127",
            "http": {
                "method": "POST",
                "path": "/v1/pull-endpoints/a b/events/delete-all",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "POST /v1/pull-endpoints/{id}/events/delete-all",
            "stage": "$default",
            "time": "05/Apr/2026:14:23:11 +0000",
            "timeEpoch": 1775398991123,
        },
        "body": '{"message_ids":["é"]}',
        "isBase64Encoded": False,
    }


def test_what_a_request_lacks_is_left_out_of_the_event() -> None:
    event = event_of(request(), Match(function(), "POST /", {}))
    assert {"cookies", "queryStringParameters", "pathParameters", "body"}.isdisjoint(event)
    assert (event["rawQueryString"], event["headers"], event["isBase64Encoded"]) == ("", {}, False)


def test_request_ids_look_like_the_gateways_and_are_unique() -> None:
    ids = {request().id for _ in range(100)}
    assert len(ids) == 100
    assert {(len(each), each[-1]) for each in ids} == {(16, "=")}


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("application/json", b"{}", "{}"),
        ("Application/JSON ; charset=utf-8", b"{}", "{}"),
        ("text/plain", b"hello", "hello"),
        ("application/xml", b"<a/>", "<a/>"),
        ("application/javascript", b"1", "1"),
        ("application/json", b"\xff", None),
        ("application/octet-stream", b"{}", None),
        ("application/x-www-form-urlencoded", b"{}", None),
        ("application/json-patch", b"{}", None),
        (None, b"{}", None),
    ],
)
def test_a_body_is_text_for_some_content_types_and_base64_for_all_others(
    content_type: str | None, body: bytes, text: str | None
) -> None:
    headers = [] if content_type is None else [("content-type", content_type)]
    event = event_of(request(headers=headers, body=body), Match(function(), "POST /", {}))
    expected = (base64.b64encode(body).decode(), True) if text is None else (text, False)
    assert (event["body"], event["isBase64Encoded"]) == expected


def test_a_path_is_decoded_once_and_cut_at_a_decoded_question_mark() -> None:
    match = Routes([function(("GET", "/a/{x}"))]).match("GET", "/a/b%2Fc%2520d%3Fe")
    assert match is not None
    event = event_of(request(path="/a/b%2Fc%2520d%3Fe"), match)
    assert (event["rawPath"], event["pathParameters"]) == ("/a/b/c%20d", {"x": "b/c%20d"})
    assert event["requestContext"]["http"]["path"] == "/a/b/c%20d"


# -------------------------------------------------------------------------------------------------- routes


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("POST", "/v1/things", ("POST /v1/things", {})),
        ("GET", "/v1/things", None),
        ("POST", "/v1/things/", None),
        ("POST", "/v1/thing%73", ("POST /v1/things", {})),
        ("POST", "/V1/things", None),
        ("POST", "/v1", None),
        ("DELETE", "/v1/things/7", ("DELETE /v1/things/{id}", {"id": "7"})),
        ("DELETE", "/v1/things/", None),
        ("DELETE", "/v1/things/7/8", None),
        ("DELETE", "/v1/things/7%2F8", ("DELETE /v1/things/{id}", {"id": "7/8"})),
        ("DELETE", "/v1/things/a,b%2Cc", ("DELETE /v1/things/{id}", {"id": "a,b,c"})),
        ("DELETE", "/v1/things/all", ("DELETE /v1/things/all", {})),
        ("GET", "/v1/things/all", ("ANY /v1/things/{id}", {"id": "all"})),
        ("PATCH", "/v1/things/7", ("ANY /v1/things/{id}", {"id": "7"})),
        ("PUT", "/x/things/1/y/2", ("PUT /{a}/things/{b}/y/{c}", {"a": "x", "b": "1", "c": "2"})),
    ],
)
def test_a_request_finds_its_route(method: str, path: str, found: tuple[str, dict[str, str]] | None) -> None:
    routes = Routes(
        [
            function(("ANY", "/v1/things/{id}"), ("PUT", "/{a}/things/{b}/y/{c}")),
            function(("DELETE", "/v1/things/{id}"), ("DELETE", "/v1/things/all"), ("POST", "/v1/things")),
        ]
    )
    match = routes.match(method, path)
    assert (None if match is None else (match.route_key, match.path_parameters)) == found


# ------------------------------------------------------------------------------------ replies and responses


JSON = [("content-type", "application/json")]
PLAIN = [("content-type", "text/plain;charset=UTF-8")]


@pytest.mark.parametrize(
    ("reply", "response"),
    [
        (
            {"statusCode": 200, "headers": {"Content-Type": "a/b"}, "body": "é"},
            (200, [("content-type", "a/b")], "é"),
        ),
        ({"statusCode": "404"}, (404, PLAIN, "")),
        ({"statusCode": 204, "headers": None, "body": None, "cookies": None}, (204, PLAIN, "")),
        ({"statusCode": 200, "body": "aGk=", "isBase64Encoded": True}, (200, PLAIN, "hi")),
        (
            {
                "statusCode": 200,
                "headers": {"X-Count": 3, "X-Is": True, "Content-Length": "9"},
                "cookies": ["a=1", "b=2"],
            },
            (
                200,
                [("x-count", "3"), ("x-is", "true"), *PLAIN, ("set-cookie", "a=1"), ("set-cookie", "b=2")],
                "",
            ),
        ),
        ({"message": "hi"}, (200, JSON, '{"message": "hi"}')),
        (["a"], (200, JSON, '["a"]')),
        ("hi", (200, JSON, "hi")),
        (None, (200, JSON, "null")),
    ],
)
def test_a_reply_becomes_a_response(reply: Any, response: tuple[int, list[tuple[str, str]], str]) -> None:
    status, headers, body = response
    assert response_of(reply) == Response(status, headers, body.encode())


@pytest.mark.parametrize(
    "reply",
    [
        {"statusCode": "ok"},
        {"statusCode": None},
        {"statusCode": 99},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
        {"statusCode": 200, "body": "not base64!", "isBase64Encoded": True},
        "\ud800",
    ],
)
def test_a_reply_that_is_no_response_is_refused(reply: Any) -> None:
    with pytest.raises(MalformedReplyError):
        response_of(reply)


# ----------------------------------------------------------------------------------------------- sandboxes


HANDLERS = '''
import os
import time
from pathlib import Path

calls = 0


def echo(event, context):
    global calls
    calls += 1
    return {"calls": calls, "pid": os.getpid(), "path": event["rawPath"], "name": os.environ["NAME"]}


def failing(event, context):
    global calls
    calls += 1
    if calls == 1:
        raise RuntimeError("this is expected")
    return {"calls": calls}


def exiting(event, context):
    global calls
    calls += 1
    if event["rawPath"] == "/exiting/now":
        os._exit(3)
    return {"calls": calls, "pid": os.getpid()}


def slow(event, context):
    global calls
    calls += 1
    if calls == 2:
        while True:
            pass
    return {"calls": calls, "pid": os.getpid()}


def meeting(event, context):
    """Answers only once two of it run at the same time."""
    folder = Path(__file__).parent / "meeting"
    folder.mkdir(exist_ok=True)
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < 2:
        time.sleep(0.01)
    return {"pid": os.getpid()}


def contexts(event, context):
    first = context.get_remaining_time_in_millis()
    time.sleep(0.01)
    return {
        "function_name": context.function_name,
        "function_version": context.function_version,
        "memory_limit_in_mb": context.memory_limit_in_mb,
        "invoked_function_arn": context.invoked_function_arn,
        "aws_request_id": context.aws_request_id,
        "log_group_name": context.log_group_name,
        "log_stream_name": context.log_stream_name,
        "counts_down": 0 < context.get_remaining_time_in_millis() < first <= 10_000,
    }


def large(event, context):
    return {"statusCode": 200, "body": "x" * 7_000_000}


def unspeakable(event, context):
    return {1, 2}


def malformed(event, context):
    return {"statusCode": "?"}


def refusing(event, context):
    method = event["requestContext"]["http"]["method"]
    headers = {"Access-Control-Allow-Origin": "https://function.example", "X-Method": method}
    return {"statusCode": 403, "headers": headers, "body": "no"}
'''

Call = Callable[..., Coroutine[Any, Any, tuple[int, bytes]]]


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with closing(Nursery()) as nursery:
        nursery.wait()
        yield nursery


class World:
    """A gateway before the handlers above, each at the path of its own name."""

    def __init__(self, nursery: Nursery, folder: Path) -> None:
        (folder / "handlers.py").write_text(HANDLERS)
        self.nursery = nursery
        self.folder = folder

    def run(self, name: str, scenario: Callable[[Call], Awaitable[Any]], **limits: int) -> Any:
        async def with_call(gateway: Gateway) -> Any:
            async def call(
                path: str = f"/{name}", body: bytes = b"", method: str = "POST"
            ) -> tuple[int, bytes]:
                response = await ask(gateway, method, path, body)
                return response.status, response.body

            return await scenario(call)

        return self.run_gateway(name, with_call, NO_CORS, **limits)

    def run_gateway(
        self,
        name: str,
        scenario: Callable[[Gateway], Awaitable[Any]],
        browsers: Cors = NO_CORS,
        **limits: int,
    ) -> Any:
        timeout = limits.pop("timeout", 10)
        routes = ("POST", f"/{name}"), ("POST", f"/{name}/{{id}}"), ("ANY", f"/{name}/any/{{id}}")
        subject = function(*routes, name=name.title(), code=self.folder, timeout=timeout)
        environment = {**os.environ, "NAME": name, "AWS_REGION": "eu-west-1"}

        async def run() -> Any:
            gateway = Gateway({subject.name: Invoker(self.nursery, subject, environment, **limits)}, browsers)
            try:
                return await scenario(gateway)
            finally:
                await gateway.close()

        return asyncio.run(run())


@pytest.fixture
def world(nursery: Nursery, tmp_path: Path) -> World:
    return World(nursery, tmp_path)


async def ask(
    gateway: Gateway, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Response:
    """Send a request; the id that the gateway gives it is left out of the response's headers."""
    sent: list[Message] = []
    scope = {
        "type": "http",
        "method": method,
        "http_version": "1.1",
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 1),
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await gateway(scope, receive, send)
    received = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    received.remove(next(header for header in received if header[0] == "apigw-requestid"))
    return Response(sent[0]["status"], received, sent[1]["body"])


def wait_until_ended(pid: int) -> None:
    """Return once the process is gone, or gone but for whoever has to take note of it."""
    stat = Path(f"/proc/{pid}/stat")
    with suppress(ProcessLookupError, FileNotFoundError):
        while not (stat.exists() and ") Z " in stat.read_text()):
            os.kill(pid, 0)
            time.sleep(0.01)


async def reply_of(answer: Awaitable[tuple[int, bytes]]) -> Any:
    status, body = await answer
    assert status == 200
    return json.loads(body)


def test_a_sandbox_stays_warm_and_has_its_environment(world: World) -> None:
    async def scenario(call: Call) -> list[Any]:
        return [await reply_of(call("/echo")), await reply_of(call("/echo/b%20c"))]

    first, second = world.run("echo", scenario)
    assert first == {"calls": 1, "pid": first["pid"], "path": "/echo", "name": "echo"}
    assert second == {"calls": 2, "pid": first["pid"], "path": "/echo/b c", "name": "echo"}
    assert first["pid"] != os.getpid()


def test_two_invocations_at_once_run_in_two_sandboxes(world: World) -> None:
    async def scenario(call: Call) -> Any:
        return await asyncio.gather(reply_of(call()), reply_of(call()))

    first, second = world.run("meeting", scenario)
    assert first["pid"] != second["pid"]


def test_beyond_the_limit_of_sandboxes_invocations_wait_in_line(world: World) -> None:
    async def scenario(call: Call) -> Any:
        return await asyncio.gather(*(reply_of(call()) for _ in range(6)))

    replies = world.run("echo", scenario, limit=2)
    pids = {reply["pid"] for reply in replies}
    assert len(pids) == 2
    assert sum(max(reply["calls"] for reply in replies if reply["pid"] == pid) for pid in pids) == 6


def test_an_exception_of_the_handler_is_a_500_and_leaves_its_sandbox_warm(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def scenario(call: Call) -> Any:
        return await call(), await reply_of(call())

    with closing(Nursery()) as nursery:  # its own, since capfd sees only what is started under it
        assert World(nursery, tmp_path).run("failing", scenario) == (SERVER_ERROR, {"calls": 2})
    assert "RuntimeError: this is expected" in capfd.readouterr().err


def test_a_process_that_ends_is_a_500_and_the_next_request_gets_a_new_sandbox(world: World) -> None:
    async def scenario(call: Call) -> Any:
        return await reply_of(call()), await call("/exiting/now"), await reply_of(call())

    first, crash, second = world.run("exiting", scenario)
    assert crash == SERVER_ERROR
    assert (first["calls"], second["calls"]) == (1, 1)
    assert first["pid"] != second["pid"]


def test_a_sandbox_that_died_while_idle_is_replaced(world: World) -> None:
    async def scenario(call: Call) -> Any:
        first = await reply_of(call())
        os.kill(first["pid"], 9)
        await asyncio.sleep(0.1)  # the loop must see the connection end
        return first, await reply_of(call())

    first, second = world.run("echo", scenario)
    assert (first["calls"], second["calls"]) == (1, 1)


def test_running_past_the_timeout_is_a_500_and_ends_the_sandbox(world: World) -> None:
    async def scenario(call: Call) -> Any:
        first = await reply_of(call())
        late = await call()
        return first, late, await reply_of(call())

    first, late, third = world.run("slow", scenario, timeout=1)
    assert late == SERVER_ERROR
    assert (first["calls"], third["calls"]) == (1, 1)
    wait_until_ended(first["pid"])


def test_a_client_that_hangs_up_does_not_end_the_invocation(world: World) -> None:
    async def scenario(call: Call) -> Any:
        hung_up = asyncio.create_task(call())  # would wait for another one for ever
        while not (world.folder / "meeting").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
        hung_up.cancel()
        other = await reply_of(call())
        return other, await reply_of(call("/meeting")), hung_up.cancelled()

    _, _, cancelled = world.run("meeting", scenario)
    assert cancelled
    assert len(list((world.folder / "meeting").iterdir())) == 2


def test_the_context_is_lambdas(world: World) -> None:
    async def scenario(call: Call) -> Any:
        return await reply_of(call())

    context = world.run("contexts", scenario)
    assert context == {
        "function_name": "Contexts",
        "function_version": "$LATEST",
        "memory_limit_in_mb": "512",
        "invoked_function_arn": "arn:aws:lambda:eu-west-1:000000000000:function:Contexts",
        "aws_request_id": context["aws_request_id"],
        "log_group_name": "/aws/lambda/Contexts",
        "log_stream_name": context["log_stream_name"],
        "counts_down": True,
    }


@pytest.mark.parametrize("name", ["large", "unspeakable", "malformed", "missing"])
def test_a_reply_that_cannot_be_passed_on_is_a_500(world: World, name: str) -> None:
    async def scenario(call: Call) -> Any:
        return await call(), await call()

    assert world.run(name, scenario) == (SERVER_ERROR, SERVER_ERROR)


def test_what_has_no_route_is_answered_by_the_gateway(world: World) -> None:
    async def scenario(call: Call) -> Any:
        return [
            await call("/elsewhere"),
            await call("/echo", method="GET"),
            await call("/health", method="GET"),
            await call("/health", method="POST"),
        ]

    assert world.run("echo", scenario) == [NOT_FOUND, NOT_FOUND, (200, b'{"status":"ok"}'), NOT_FOUND]


def test_a_body_over_what_api_gateway_or_lambda_takes_is_a_413(world: World) -> None:
    async def scenario(call: Call) -> Any:
        return [await call(body=b"x" * size) for size in (BODY_LIMIT + 1, EVENT_LIMIT, EVENT_LIMIT // 2)]

    too_large, too_large_for_lambda, (status, _) = world.run("echo", scenario)
    assert too_large == too_large_for_lambda == TOO_LARGE
    assert status == 200


def test_closing_the_nursery_ends_its_sandboxes_whatever_they_do(tmp_path: Path) -> None:
    async def scenario(call: Call) -> Any:
        pid = (await reply_of(call()))["pid"]
        busy = asyncio.create_task(call())
        await asyncio.sleep(0.1)
        own.close()
        return pid, await busy

    with closing(Nursery()) as own:
        own.wait()
        pid, answer = World(own, tmp_path).run("slow", scenario)
    assert answer == SERVER_ERROR
    wait_until_ended(pid)


# ------------------------------------------------------------------------------------------------ browsers


PAGE = "https://page.example"
PREFLIGHT = {"Origin": PAGE, "Access-Control-Request-Method": "DELETE"}
BROWSERS = Cors(
    ("*",), ("GET", "POST", "DELETE", "OPTIONS"), ("content-type", "x-a"), ("x-request-id", "x-b"), 60
)
MAY_READ = [("access-control-allow-origin", "*"), ("access-control-expose-headers", "x-request-id,x-b")]


def test_a_preflight_is_answered_on_every_path_and_calls_no_function(world: World) -> None:
    async def scenario(gateway: Gateway) -> list[Response]:
        paths = ("/missing", "/missing/7", "/elsewhere")  # the function of this name would fail
        return [await ask(gateway, "OPTIONS", path, headers=PREFLIGHT) for path in paths]

    allowed = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET,POST,DELETE,OPTIONS"),
        ("access-control-allow-headers", "content-type,x-a"),
        ("access-control-max-age", "60"),
    ]
    assert world.run_gateway("missing", scenario, BROWSERS) == [Response(204, allowed, b"")] * 3


def test_a_route_that_takes_options_gets_preflights_too(world: World) -> None:
    async def scenario(gateway: Gateway) -> Response:
        return await ask(gateway, "OPTIONS", "/refusing/any/7", headers=PREFLIGHT)

    response = world.run_gateway("refusing", scenario, BROWSERS)
    assert (response.status, dict(response.headers)["x-method"]) == (403, "OPTIONS")


@pytest.mark.parametrize("lacking", PREFLIGHT)
def test_options_without_an_origin_or_a_method_asked_for_is_no_preflight(lacking: str, world: World) -> None:
    async def scenario(gateway: Gateway) -> Response:
        headers = {name: value for name, value in PREFLIGHT.items() if name != lacking}
        return await ask(gateway, "OPTIONS", "/echo", headers=headers)

    response = world.run_gateway("echo", scenario, BROWSERS)
    assert (response.status, response.body) == NOT_FOUND


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("echo", "/echo", 200),
        ("refusing", "/refusing", 403),
        ("malformed", "/malformed", 500),
        ("echo", "/elsewhere", 404),
    ],
)
def test_a_page_may_read_every_response_whatever_its_status(
    name: str, path: str, status: int, world: World
) -> None:
    async def scenario(gateway: Gateway) -> Response:
        return await ask(gateway, "POST", path, headers={"Origin": PAGE})

    response = world.run_gateway(name, scenario, BROWSERS)
    cors = [header for header in response.headers if header[0].startswith("access-control-")]
    assert (response.status, cors) == (status, MAY_READ)


def test_a_page_may_read_that_its_request_was_too_large(world: World) -> None:
    async def scenario(gateway: Gateway) -> Response:
        return await ask(gateway, "POST", "/echo", b"x" * (BODY_LIMIT + 1), {"Origin": PAGE})

    response = world.run_gateway("echo", scenario, BROWSERS)
    assert (response.status, response.body) == TOO_LARGE
    assert [header for header in response.headers if header in MAY_READ] == MAY_READ


def test_without_an_origin_nothing_changes_but_what_the_function_says_of_cors_is_dropped(
    world: World,
) -> None:
    async def scenario(gateway: Gateway) -> list[Response]:
        asked = (("POST", "/refusing"), ("POST", "/elsewhere"), ("OPTIONS", "/refusing"), ("GET", "/health"))
        return [await ask(gateway, method, path) for method, path in asked]

    without, *others_without = world.run_gateway("refusing", scenario)
    dropped, *others = world.run_gateway("refusing", scenario, BROWSERS)
    assert others == others_without
    assert without.headers[0] == ("access-control-allow-origin", "https://function.example")
    assert dropped == Response(without.status, without.headers[1:], without.body)


@pytest.mark.parametrize(
    ("origin", "allowed", "answer"),
    [
        (PAGE, "*", "*"),
        (PAGE, PAGE, PAGE),
        (PAGE, "https://*", PAGE),
        (PAGE, "http://*", None),
        (PAGE, "https://other.example", None),
        (f"{PAGE}.evil.example", PAGE, None),
        ("null", "https://*", None),
    ],
)
def test_only_an_allowed_origin_gets_the_headers(
    origin: str, allowed: str, answer: str | None, world: World
) -> None:
    async def scenario(gateway: Gateway) -> list[Response]:
        return [
            await ask(gateway, "OPTIONS", "/echo", headers=PREFLIGHT | {"Origin": origin}),
            await ask(gateway, "POST", "/elsewhere", headers={"Origin": origin}),
        ]

    preflight, response = world.run_gateway("echo", scenario, Cors((allowed,), ("POST",)))
    assert (preflight.status, response.status) == (204, 404)
    assert dict(preflight.headers).get("access-control-allow-origin") == answer
    assert dict(response.headers).get("access-control-allow-origin") == answer
    assert ("access-control-allow-methods" in dict(preflight.headers)) is (answer is not None)


def test_an_api_without_cors_knows_no_preflights(world: World) -> None:
    async def scenario(gateway: Gateway) -> Response:
        return await ask(gateway, "OPTIONS", "/echo", headers=PREFLIGHT)

    response = world.run_gateway("echo", scenario)
    assert (response.status, response.body) == NOT_FOUND
