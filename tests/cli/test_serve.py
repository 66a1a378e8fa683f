import asyncio
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest

from cli import demo
from cli.dynamodb import client
from cli.environment import environment
from cli.gateway import Message, Receive, Send
from cli.main import COMMANDS, run
from cli.server import listen, serve
from cli.template import Function, default_table_name

EXPUNGE = [sys.executable, "-c", "from cli.main import main; main()"]
ANY_PORTS = ["--port", "0", "--dynamodb-port", "0"]


class Served:
    """A running `expunge serve`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.greeting: list[str] = []
        for line in process.stdout:
            self.greeting.append(line)
            if line.startswith("expunge listening on "):
                break
        self.url = self.greeting[-1].split()[-1]

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal; return the exit status and what was written to standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate()
        return self.process.returncode, errors


@contextmanager
def serving(*options: str) -> Iterator[Served]:
    with subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
        [*EXPUNGE, "serve", *ANY_PORTS, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    ) as process:
        try:
            yield Served(process)
        finally:
            process.kill()


def fetch(
    method: str, url: str, headers: dict[str, str] | None = None, body: str | None = None
) -> tuple[int, Any]:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc)) as connection:
        connection.request(method, f"{parts.path}?{parts.query}", body, headers or {})
        with connection.getresponse() as response:
            return response.status, json.load(response)


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
def test_every_printed_curl_line_deletes_and_nothing_twice() -> None:
    with serving() as served:
        lines = _curl_lines(served)[: len(demo.REQUESTS)]
        answers = [_curl(line) for line in lines * 2]
        status, errors = served.stop()
    assert [code for code, _ in answers] == [200] * 20 + [404, 200]
    data = [body["data"] for _, body in answers if "data" in body]
    assert [_deleted(each) for each in data] == [3, 1, 1, 4, 2, 1, 2, 1, 1] + [0] * 9
    greeting = "".join(served.greeting)
    assert demo.API_KEY in greeting
    assert f"  {served.url}/docs " in greeting
    assert demo.API_KEY not in errors
    assert status == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="the shell needs curl for lines that look an id up")
def test_the_printed_lines_look_a_deletion_up_undo_it_and_plan_one_as_they_are_pasted() -> None:
    with serving() as served:
        first, *_ = lines = _lines(served)
        deleted = _pasted(first)
        listed, one, messages, restored, planned, executed = map(
            _pasted, lines[len(demo.REQUESTS) :][: len(demo.LOOK_UPS)]
        )
    assert listed["data"]["deletions"][0]["id"] == one["data"]["id"] == deleted["meta"]["request_id"]
    assert one["data"]["deleted"] == len(messages["data"]["messages"]) == restored["data"]["restored"] == 3
    assert planned["data"]["matched"] == executed["data"]["deleted"] == 10


def _lines(served: Served) -> list[str]:
    """What is printed to be pasted."""
    return [line.strip() for line in served.greeting if line.strip().startswith(("curl ", "ID="))]


def _pasted(line: str) -> Any:
    bash = ["bash", "-c", line]
    return json.loads(subprocess.run(bash, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - our own line


@pytest.mark.slow
def test_the_printed_curl_line_brings_a_record_in_which_can_then_be_deleted() -> None:
    with serving() as served:
        line = _curl_lines(served)[-1].removesuffix(" ; echo")
        _, *_, url, _, body = shlex.split(line)
        assert fetch("POST", url, None, body) == (200, {"stored": 1, "rejected": []})
        status, answer = fetch("POST", url, None, f"{body}\n{{}}\n")
        assert (status, answer["stored"], [each["line"] for each in answer["rejected"]]) == (200, 1, [2])
        assert fetch("POST", url, {"Origin": "https://page.example"}, body)[0] == 403
        message = f"{served.url}/v1/inbound-messages/{json.loads(body)['id']}"
        deleted = fetch("DELETE", message, {"Authorization": f"Bearer {demo.API_KEY}"})
        assert fetch("POST", url, None, body) == (200, {"stored": 0, "rejected": []})
        again = fetch("DELETE", message, {"Authorization": f"Bearer {demo.API_KEY}"})
    assert (deleted[0], deleted[1]["data"]["already_deleted"]) == (200, False)
    assert (again[0], again[1]["data"]["already_deleted"]) == (200, True)


def _curl_lines(served: Served) -> list[str]:
    return [line.strip() for line in served.greeting if line.strip().startswith("curl ")]


def _deleted(data: dict[str, Any]) -> int:
    """How many messages a call of HookBridge's API deleted: of a filter, a batch or one by id."""
    if "already_deleted" in data:
        return 0 if data["already_deleted"] else 1
    return int(data["deleted"] if "deleted" in data else data["deleted_count"])


def _curl(line: str) -> tuple[int, Any]:
    """Do what curl would, which is not installed everywhere."""
    _, silent, _, method, url, *rest = shlex.split(line)
    options = list(zip(rest[::2], rest[1::2], strict=True))
    headers = dict(value.split(": ") for option, value in options if option == "-H")
    body = next((value for option, value in options if option == "-d"), None)
    assert silent == "-sS"
    return fetch(method, url, headers, body)


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


def test_help_lists_every_command_without_importing_any() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "from cli.main import main; main()", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name, (_, summary) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(summary)}$", done.stdout, re.MULTILINE)
    assert not re.search(r"\b(boto3|hypercorn)\b", done.stderr)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing"], "No such command 'nothing'. See `expunge --help`."),
        (["dump", "extra"], "Got unexpected extra argument (extra). See `expunge dump --help`."),
        (["dmup"], "No such command 'dmup'. Did you mean 'dump'? See `expunge --help`."),
        (
            ["dump", "--sate", "live"],
            (
                "No such option '--sate'. (Did you mean one of: '--state', '--table'?)"
                " See `expunge dump --help`."
            ),
        ),
        (["serve", "--port", "x"], "Invalid value for '--port': 'x' is not a valid integer range."),
        (["serve", "--load", "/no/such"], "Invalid value for '--load': File '/no/such' does not exist."),
        (
            ["serve", "--dynamodb-url", "localhost:8000"],
            "Invalid value for '--dynamodb-url': 'localhost:8000' is neither an http(s) URL nor \"aws\".",
        ),
        (["serve", "--provider-url", "x"], "Invalid value for '--provider-url': 'x' is not an http(s) URL."),
        (
            ["serve", "--provider-url", "http://"],
            "Invalid value for '--provider-url': 'http://' is not an http(s) URL.",
        ),
    ],
)
def test_wrong_use_is_said_in_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr() == ("", f"expunge: {sentence}\n")


def test_an_endpoint_needs_nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    assert client("http://127.0.0.1:1").meta.endpoint_url == "http://127.0.0.1:1"


def test_a_sandbox_at_an_endpoint_inherits_nothing_of_the_users_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"AWS_PROFILE": "work", "PATH": "/bin", "no_proxy": "example.com"})
    function = Function("Name", Path(), "module", "handler", 29, 512, {"TABLE_NAME": "expunge"}, ())
    assert environment(function, "http://127.0.0.1:8000", "us-east-1", verbose=False) == {
        "AWS_ACCESS_KEY_ID": "expunge",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8000",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:8000",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_NAME": "Name",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_REGION": "us-east-1",
        "AWS_SECRET_ACCESS_KEY": "expunge",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "example.com,127.0.0.1",
        "PATH": "/bin",
        "POWERTOOLS_LOG_LEVEL": "WARNING",
        "POWERTOOLS_METRICS_DISABLED": "true",
        "TABLE_NAME": "expunge",
        "WORK_QUEUE_URL": "",
        "no_proxy": "example.com,127.0.0.1",
    }


def test_a_sandbox_at_aws_has_the_users_own_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """And so has `expunge purge`: it asks where the other commands do, whatever the template leaves open."""
    private = "https://vpce-1.dynamodb.eu-central-1.vpce.amazonaws.com"
    monkeypatch.setattr(os, "environ", {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_DYNAMODB": private})
    left_open = {"AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_ENDPOINT_URL_S3": ""}
    function = Function("Name", Path(), "module", "handler", 29, 512, left_open, ())
    assert environment(function, "aws", "eu-central-1", verbose=True) == {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL_DYNAMODB": private,
        "AWS_ENDPOINT_URL_S3": "",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_NAME": "Name",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_PROFILE": "work",
        "AWS_REGION": "eu-central-1",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_METRICS_DISABLED": "true",
        "WORK_QUEUE_URL": "",
    }
