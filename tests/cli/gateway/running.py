"""A gateway over functions that are made for tests, in sandboxes of their own."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from cli.events import Request, Response
from cli.gateway import Gateway, Message
from cli.invoke import SANDBOXES, Invoker, Nursery
from cli.template import NO_CORS, Cors, Function

NOT_FOUND = (404, b'{"message":"Not Found"}')
TOO_LARGE = (413, b'{"message":"Request Entity Too Large"}')


def function(
    *routes: tuple[str, str], name: str = "Test", code: Path = Path(), timeout: int = 10
) -> Function:
    return Function(name, code, "handlers", name.lower(), timeout, 512, {}, routes)


def request(method: str = "POST", path: str = "/", query: str = "", **more: Any) -> Request:
    return Request(method, path, query, **{"headers": [], "body": b"", "source_ip": "127.0.0.1", **more})


JSON = [("content-type", "application/json")]

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


def quoting(event, context):
    try:
        int(event["body"])
    except ValueError as error:
        raise KeyError(event["body"]) from error


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
        timeout, limit = limits.get("timeout", 10), limits.get("limit", SANDBOXES)
        routes = ("POST", f"/{name}"), ("POST", f"/{name}/{{id}}"), ("ANY", f"/{name}/any/{{id}}")
        subject = function(*routes, name=name.title(), code=self.folder, timeout=timeout)
        environment = {**os.environ, "NAME": name, "AWS_REGION": "eu-west-1"}

        async def run() -> Any:
            gateway = Gateway({subject.name: Invoker(self.nursery, subject, environment, limit)}, browsers)
            try:
                return await scenario(gateway)
            finally:
                await gateway.close()

        return asyncio.run(run())


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
