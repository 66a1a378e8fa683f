"""`expunge serve` listens, answers and ends as it is told to."""

import asyncio
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest

from cli import demo
from cli.dynamodb import client
from cli.gateway import Message, Receive, Send
from cli.server import listen, serve
from cli.template import default_table_name
from tests.cli.serving import ANY_PORTS, EXPUNGE, fetch, serving


def test_serve_answers_over_http_and_stops_cleanly_on_a_signal() -> None:
    with serving("--no-demo") as served:
        health = fetch("GET", f"{served.url}/health")
        unauthorized = fetch("POST", f"{served.url}/v1/inbound-messages/delete-all?limit=7&secret=s3cr3t")
        unknown = fetch("POST", f"{served.url}/v1/nothing")
        status, errors = served.stop()
    assert health == (200, {"status": "ok"})
    assert (unauthorized[0], unauthorized[1]["error"]["code"]) == (401, "UNAUTHORIZED")
    assert unknown == (404, {"message": "Not Found"})
    *dynamodb, listening = served.greeting
    assert [re.sub(r":\d+ ", ": ", line) for line in dynamodb] == [
        "DynamoDB listens on http://127.0.0.1: (any region, any credentials).\n"
    ]
    assert listening == f"expunge listening on {served.url}\n"
    assert [re.sub(r"^\S+ |\d+ ms( req_\S+)?$", "", line) for line in errors.splitlines()] == [
        "GET /health 200 ",
        "POST /v1/inbound-messages/delete-all 401 ",
        "POST /v1/nothing 404 ",
    ]
    assert status == 0


@pytest.mark.slow
def test_what_is_over_by_its_date_expires_as_the_template_has_it() -> None:
    with serving("--no-demo") as served:
        [url] = re.findall(r"DynamoDB listens on (\S+)", "".join(served.greeting))
        told = client(url).describe_time_to_live(TableName=default_table_name())
    expected = {"TimeToLiveStatus": "ENABLED", "AttributeName": "keep_until"}
    assert told["TimeToLiveDescription"] == expected


@pytest.mark.slow
def test_a_page_of_any_origin_may_delete_channel_history_as_the_template_has_it() -> None:
    page = {"Origin": "https://page.example"}
    with (
        serving("--no-demo") as served,
        closing(http.client.HTTPConnection(urlsplit(served.url).netloc)) as api,
    ):
        path = "/v3/history/sub-key/sub-c-demo/channel/a"
        api.request("OPTIONS", path, headers=page | {"Access-Control-Request-Method": "DELETE"})
        with api.getresponse() as preflight:
            assert (preflight.status, preflight.read()) == (204, b"")
        api.request("DELETE", path, headers=page)
        with api.getresponse() as refused:
            assert refused.status == 400
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "DELETE" in preflight.headers["access-control-allow-methods"].split(",")
    assert refused.headers["access-control-allow-origin"] == "*"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_serve_however_it_ends(number: int) -> None:
    with serving("--no-demo") as served:
        fetch("POST", f"{served.url}/v1/inbound-messages/delete-all")
        # Sandboxes, nursery and DynamoDB all hold its standard error: it closes when the last of them ends.
        status, _ = served.stop(number)
    assert status == (0 if number == signal.SIGTERM else -number)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_serve_listens_on_another_address_too_if_asked_to() -> None:
    with serving("--host", "127.0.0.2") as served:
        api = served.url.replace("127.0.0.1", "127.0.0.2")
        [dynamodb] = re.findall(r"DynamoDB listens on http://127\.0\.0\.1:(\d+)", "".join(served.greeting))
        health = fetch("GET", f"{api}/health")
        tables = client(f"http://127.0.0.2:{dynamodb}").list_tables()["TableNames"]
        status, _ = served.stop()
    assert health == (200, {"status": "ok"})
    assert tables == ["expunge"]
    assert status == 0


def test_an_address_that_is_none_of_this_machine_is_refused() -> None:
    with pytest.raises(click.ClickException, match=r"^port 0 of 192\.0\.2\.1 cannot be used; "):
        listen(0, "--port", "192.0.2.1")


@pytest.mark.slow
def test_serve_stops_at_once_in_spite_of_idle_connections() -> None:
    with serving("--no-demo") as served:
        connection = http.client.HTTPConnection(served.url.removeprefix("http://"))
        connection.request("GET", "/health")
        connection.getresponse().read()
        with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2]))):
            assert served.stop()[0] == 0
        connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_serve_while_it_starts(number: int, tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    os.mkfifo(records)
    with (
        subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
            [*EXPUNGE, "serve", "--no-demo", *ANY_PORTS, "--load", str(records)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process,
        records.open("w"),  # once open, it is loading and waits for the first line
    ):
        process.send_signal(number)
        output, _ = process.communicate()
    assert (process.returncode, output) == (0, b"")


@pytest.mark.slow
def test_a_request_in_flight_is_still_answered_when_a_signal_comes() -> None:
    async def application(scope: Message, _receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.1)  # the server is closing by now
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"[]"})

    async def scenario() -> tuple[int, Any]:
        listener = listen(0, "--port")
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        answer = asyncio.create_task(asyncio.to_thread(fetch, "GET", url))
        await serve(application, [listener], {})
        return await answer

    assert asyncio.run(scenario()) == (200, [])


@pytest.mark.slow
def test_serve_ends_when_its_dynamodb_does() -> None:
    class Gone:
        alive = False

    with pytest.raises(click.ClickException, match=r"^the DynamoDB has ended; start again$"):
        asyncio.run(serve(_unasked, [listen(0, "--port")], {"the DynamoDB": Gone()}))


async def _unasked(_scope: Message, _receive: Receive, _send: Send) -> None:
    """Answer nothing."""


@pytest.mark.slow
def test_any_dynamodb_client_sees_the_embedded_tables_and_another_serve_can_use_them() -> None:
    with serving() as first:
        url = re.findall(r"DynamoDB listens on (\S+)", "".join(first.greeting))[0]
        with serving("--dynamodb-url", url) as second:
            answer = fetch(
                "POST",
                f"{second.url}/v1/inbound-messages/delete-all?limit=1",
                {"Authorization": f"Bearer {demo.API_KEY}"},
            )
            assert second.greeting == [f"expunge listening on {second.url}\n"]
    assert (answer[0], answer[1]["data"]["deleted"]) == (200, 1)


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--port", "--dynamodb-port"])
def test_a_taken_port_is_said_in_one_sentence(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(  # noqa: S603 - nothing in it comes from outside
            [*EXPUNGE, "serve", "--no-demo", *ANY_PORTS, option, str(port)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"expunge: port {port} is in use; choose another with {option}\n"
