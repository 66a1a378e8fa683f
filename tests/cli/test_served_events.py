"""`expunge serve` tells what happens to messages, to programs of this machine."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from cli import demo, server
from cli.dynamodb import client, create_table
from cli.embedded import Embedded
from cli.template import default_table_name
from tests.cli.serving import Served, fetch, serving

KEY = {"Authorization": f"Bearer {demo.API_KEY}"}


class Listener:
    """A client of GET /events."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        assert self._line().startswith(":")

    def _line(self) -> str:
        return self._response.readline().decode().rstrip("\n")

    def next(self) -> tuple[str, Any]:
        """The id of the next event, and the event."""
        while not (line := self._line()).startswith("id: "):
            assert line == "" or line.startswith(":"), line
        return line.removeprefix("id: "), json.loads(self._line().removeprefix("data: "))


@contextmanager
def listening(served: Served, **headers: str) -> Iterator[Listener]:
    with closing(http.client.HTTPConnection(urlsplit(served.url).netloc)) as connection:
        connection.request("GET", "/events", headers=headers)
        with connection.getresponse() as response:
            assert response.status == 200
            assert response.headers["content-type"] == "text/event-stream"
            yield Listener(response)


@pytest.mark.slow
def test_a_deletion_and_its_purge_are_told_and_told_again_to_who_comes_back() -> None:
    with serving("--retention-days", "0", "--purge-every", "1") as served:
        with listening(served) as listener:
            reply = fetch("POST", f"{served.url}/v1/inbound-messages/delete-all", KEY)
            first, deleted = listener.next()
            _, purged = listener.next()
        with listening(served, **{"Last-Event-ID": first}) as again:
            assert again.next()[1] == purged
            status, _ = served.stop()  # with somebody listening
    assert status == 0
    data = reply[1]["data"]
    assert (deleted["source"], deleted["detail-type"]) == ("expunge", "Messages Deleted")
    assert purged["detail-type"] == "Messages Purged"
    for event in (deleted, purged):
        assert event["detail"]["request_id"] == reply[1]["meta"]["request_id"]
        assert sorted(event["detail"]["ids"]) == sorted(data["deleted_message_ids"])


@pytest.mark.slow
def test_a_page_elsewhere_hears_nothing_and_sends_nothing_and_the_api_does_not_mind() -> None:
    elsewhere = {"Origin": "https://page.example"}
    with serving("--no-demo") as served:
        rebound = {"Host": f"page.example:{urlsplit(served.url).port}"}
        assert fetch("GET", f"{served.url}/events", elsewhere)[0] == 403
        assert fetch("GET", f"{served.url}/events", rebound)[0] == 403
        event = '{"Entries":[{"Source":"expunge","DetailType":"x","Detail":"{}"}]}'
        target = {"X-Amz-Target": "AWSEvents.PutEvents"}
        assert fetch("POST", f"{served.url}/_outside/events", elsewhere | target, event)[0] == 404
        assert fetch("GET", f"{served.url}/v1/deletions", elsewhere | rebound)[0] == 401


@pytest.mark.slow
def test_a_table_without_a_stream_is_said_once_and_to_whoever_listens() -> None:
    with Embedded(server.listen(0, "--dynamodb-port")) as engine:
        create_table(client(engine.url), default_table_name(), stream=False)
        with serving("--dynamodb-url", engine.url) as served:
            status, body = fetch("GET", f"{served.url}/events")
            _, errors = served.stop()
    sentence = "the table's stream cannot be read, so that GET /events has nothing to tell"
    assert (status, body) == (503, {"message": f"{sentence}."})
    assert errors.count(sentence) == 1
