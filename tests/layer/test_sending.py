"""A write is held back at the last moment: when a connection stands and its bytes are about to go out."""

import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import boto3
import pytest
from botocore.exceptions import HTTPClientError

from expunge.deadline import Deadline
from expunge.errors import StoreError
from expunge.table.sending import HeldBack, checked_by
from expunge.table.store import CLIENT_CONFIG, Store
from expunge.table.transactions import Transaction


class Database(ThreadingHTTPServer):
    """Says yes to whatever it is sent in whole, and remembers it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.received: list[str] = []


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Database

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        if len(self.rfile.read(length)) == length:
            self.server.received.append(self.headers["x-amz-target"].partition(".")[2])
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def database() -> Iterator[Database]:
    with Database() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    url = f"http://localhost:{database.server_port}"
    client = boto3.client("dynamodb", endpoint_url=url, config=CLIENT_CONFIG)
    yield Store(client, "expunge")
    client.close()


@pytest.fixture
def slow_look_up(monkeypatch: pytest.MonkeyPatch) -> tuple[Event, Event]:
    """Looking up a name begins with the first event and ends with the second."""
    begun, may_end = Event(), Event()
    real: Callable[..., Any] = socket.getaddrinfo

    def slow(*args: Any, **more: Any) -> Any:
        begun.set()
        may_end.wait()
        return real(*args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    return begun, may_end


class Row:
    """One item."""

    done = False

    def writes(self, table: str) -> list[dict[str, Any]]:
        return [{"Delete": {"TableName": table, "Key": {"pk": {"S": "p"}, "sk": {"S": "s"}}}}]

    def committed(self) -> None:
        self.done = True

    def refused(self, found: Any) -> None:
        raise NotImplementedError


def test_a_write_that_nobody_stops_is_sent(store: Store, database: Database) -> None:
    row = Row()

    Transaction([row]).commit(store, Deadline.never(), lambda: False)

    assert row.done
    assert database.received == ["TransactWriteItems"]


def test_a_write_that_waits_for_a_name_look_up_is_not_sent_once_it_was_stopped(
    store: Store, database: Database, slow_look_up: tuple[Event, Event]
) -> None:
    begun, may_end = slow_look_up
    stop = Event()
    transaction = Transaction([Row()])
    failed: list[StoreError] = []

    def commit() -> None:
        try:
            transaction.commit(store, Deadline.never(), stop.is_set)
        except StoreError as error:
            failed.append(error)

    writer = Thread(target=commit)
    writer.start()
    begun.wait()
    in_doubt = transaction.in_doubt
    stop.set()
    may_end.set()
    writer.join()

    assert in_doubt == []  # nothing had gone out yet
    assert len(failed) == 1
    assert transaction.in_doubt == []
    assert not transaction.open[0].done
    store.client.list_tables()  # the connection has been given up, and the next one works
    assert database.received == ["ListTables"]


def test_what_one_thread_has_stopped_does_not_stop_the_others(store: Store, database: Database) -> None:
    def refuse() -> None:
        raise HeldBack

    with checked_by(refuse), pytest.raises((HeldBack, HTTPClientError)):
        store.client.list_tables()
    other = Thread(target=store.client.list_tables)
    with checked_by(refuse):
        other.start()
        other.join()

    assert database.received == ["ListTables"]


def test_a_client_is_guarded_once_however_many_stores_use_it(store: Store) -> None:
    asked: list[None] = []
    Store(store.client, "another")

    with checked_by(lambda: asked.append(None)):
        store.client.list_tables()

    assert len(asked) == 1
