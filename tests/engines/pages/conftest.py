"""`expunge serve`, and a browser in which its pages are looked at, once for all tests here."""

import importlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines.pages.showing import CHROMIUM, HOSTILE, VISIBLE, Page, running
from tests.world import message_id

ENDPOINT = "01961e00-0000-7000-8000-000000000001"


@pytest.fixture(scope="package")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`expunge serve` with the demo records, and with what a hostile sender would store."""
    records = tmp_path_factory.mktemp("records") / "hostile.jsonl"
    lines = [
        {
            "kind": "inbound_message",
            "account_id": "acc_demo",
            "id": message_id(1),
            "inbound_endpoint_id": ENDPOINT,
            "status": "succeeded",
            "received_at": "2026-04-05T14:23:11Z",
            "payload": {HOSTILE: HOSTILE},
        },
        {
            "kind": "pull_event",
            "account_id": "acc_demo",
            "id": message_id(2),
            "pull_endpoint_id": "01961e00-0000-7000-8000-000000000002",
            "event_type": HOSTILE,
            "status": "stored",
            "received_at": "2026-04-05T14:23:11Z",
        },
        {
            "kind": "linked_message",
            "account_id": "acc_demo",
            "id": "msg_01HXYZ4QK3WJ8FN3M6QH7TZ8GZ",
            "linked_account_id": VISIBLE,
            "provider_message_id": VISIBLE,
            "payload": HOSTILE,
            "sent_at": "2026-04-05T14:23:11Z",
        },
        {
            "kind": "channel_message",
            "sub_key": "sub-c-demo",
            "channel": HOSTILE[:80],
            "timetoken": "17767116000000001",
            "payload": HOSTILE,
        },
    ]
    records.write_text("\n".join(json.dumps(line) for line in lines))
    with running("serve", "--port", "0", "--dynamodb-port", "0", "--load", str(records)) as url:
        yield url


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    with importlib.import_module("playwright.sync_api").sync_playwright() as playwright:
        flags = ["no-sandbox", "disable-gpu", "disable-quic", "disable-background-networking", "disable-sync"]
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[f"--{flag}" for flag in [*flags, "disable-component-update"]]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Page]:
    """A page; whatever its policy, its scripts or its requests complain of fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    complaints: list[str] = []

    def hear(said: Any) -> None:
        refused = said.text.startswith("Failed to load resource: the server responded with a status of 4")
        if said.type in ("error", "warning") and not refused:
            complaints.append(said.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(re.sub(r"^(https?://[^/]+).*", r"\1", request.url)))
    yield page
    assert complaints == []
    assert len([host for host in hosts if host.startswith("http")]) <= 1, "something came from another host"
    context.close()
