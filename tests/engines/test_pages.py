"""The pages in a real browser: they do what they say, show content as text, and axe finds nothing in them.

Chromium and `make browser` are needed; without them these tests are skipped.
"""

import importlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.demo import API_KEY
from tests.world import message_id

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed; CHROMIUM names one"),
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None, reason="`make browser` has not been run"
    ),
]

EXPUNGE = Path(sys.executable).with_name("expunge")
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>\u202e'&"
VISIBLE = HOSTILE.replace(" ", "/").replace("\u202e", "")
"""For what may hold neither blanks nor anything but ASCII."""
ENDPOINT = "01961e00-0000-7000-8000-000000000001"
PAGES = (
    "/",
    "/#/messages?family=inbound&state=live",
    "/#/messages?family=inbound&state=bin",
    "/#/messages?family=channel&state=gone",
    "/#/deletions",
    "/#/delete",
    "/#/holds",
    "/#/events",
    "/docs",
)

Page = Any
"""Playwright's, which is not there where types are checked."""


@contextmanager
def running(*command: str) -> Iterator[str]:
    """A command of ours; yields the address that it says it listens on."""
    with subprocess.Popen([str(EXPUNGE), *command], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            line = ""
            while not (found := re.match(r"expunge (?:listening|console) on (\S+)", line)):
                line = process.stdout.readline()
                assert line
            yield found[1]
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    page: Page, api: str, scheme: str, width: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    for path in PAGES:
        page.goto("about:blank")
        page.goto(api + path)
        page.wait_for_selector("h1:focus, main h1, button.try")
        assert_readable(page, path)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_in_answers_dialogs_and_what_happens(
    page: Page, api: str, scheme: str, width: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{api}/#/messages?family=linked&state=live")
    page.get_by_role("button", name="msg_01HXYZ4QK3WJ8FN3M6QH7TZ8GZ").click()
    page.get_by_role("region", name="The record").wait_for()
    assert_readable(page, "a message")

    # The page before goes with its dialog.
    page.goto(f"{api}/#/delete?call=deleteOutboundMessages")
    page.get_by_label("limit").fill("0")
    page.get_by_role("button", name="Plan it").click()
    page.get_by_role("alert").wait_for()
    assert_readable(page, "a refusal")
    page.get_by_label("limit").fill("")
    page.get_by_label("created_before").fill("")
    page.get_by_label("Dry run").uncheck()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").wait_for()
    assert_readable(page, "a doubt")
    page.keyboard.press("Escape")
    page.get_by_label("created_before").fill("2026-04-08T00:00:00Z")
    page.get_by_label("limit").fill("1")
    page.get_by_label("Dry run").check()
    page.get_by_role("button", name="Plan it").click()
    page.get_by_role("link", name="Look at this deletion").wait_for()
    page.get_by_text("The same as a curl command").click()
    assert_readable(page, "a plan")
    page.get_by_role("link", name="Look at this deletion").click()
    page.get_by_role("heading", name="Deletion req_").wait_for()
    assert_readable(page, "what was planned")
    page.get_by_role("button", name="Carry this plan out: 1 message").click()
    page.get_by_role("dialog").wait_for()
    assert_readable(page, "a plan in doubt")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("1 message deleted.").wait_for()
    page.get_by_role("button", name="Restore it").wait_for()
    assert_readable(page, "what was deleted")

    page.get_by_role("link", name="Events").click()
    page.get_by_role("region", name="Events").get_by_text("1 message").first.click()
    assert_readable(page, "events")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_in_the_reference_when_calls_were_made_and_keys_are_shown(
    page: Page, api: str, scheme: str, width: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{api}/docs")
    # One with a choice among its parameters, one with a body, one with a long answer.
    for path in (
        "POST /v1/inbound-messages/delete-all",
        "POST /v1/inbound-messages/delete-batch",
        "GET /v1/deletions",
    ):
        page.get_by_role("button", name=f"Try {path}", exact=True).click()
        page.locator(".opblock.is-open .live-responses-table").last.wait_for()
    page.wait_for_function("document.querySelectorAll('.opblock .live-responses-table').length === 3")
    assert_readable(page, "calls")
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_role("dialog", name="Available authorizations").wait_for()
    assert_readable(page, "keys")


def assert_readable(page: Page, where: str) -> None:
    """axe finds nothing in what is shown, and nothing of it is wider than the screen."""
    axe = importlib.import_module("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page).response["violations"]
    assert [(where, each["id"], each["nodes"][0]["html"]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where


def test_a_dialog_has_the_focus_on_what_changes_nothing_and_gives_it_back(page: Page, api: str) -> None:
    page.goto(f"{api}/#/messages?family=inbound&state=live")
    opener = page.get_by_role("button", name="01961e00-0000-7000-8000-000000000110")
    opener.click()
    page.get_by_role("button", name="Close").click()
    assert page.evaluate("document.activeElement.textContent") == "01961e00-0000-7000-8000-000000000110"
    opener.click()
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "01961e00-0000-7000-8000-000000000110"

    page.goto(f"{api}/#/delete?call=deleteInboundMessages")
    page.get_by_label("status").fill("")
    page.get_by_label("Dry run").uncheck()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_text("No filter is given: up to 1,000 messages of the account are deleted.").wait_for()
    assert page.evaluate("document.activeElement.textContent") == "Keep"
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for(state="detached")
    assert page.evaluate("document.activeElement.textContent") == "Delete"
    assert page.get_by_text("The answer comes here").is_visible()


def test_a_deletion_is_looked_up_by_the_id_of_its_request(page: Page, api: str) -> None:
    headers = {"authorization": f"Bearer {API_KEY}"}
    planned = page.request.post(f"{api}/v1/inbound-messages/delete-all?dry_run=true", headers=headers)
    request_id = planned.json()["meta"]["request_id"]
    page.goto(f"{api}/#/deletions")
    page.get_by_label("Request id").fill(f" {request_id} ")
    page.get_by_role("button", name="Look it up").click()
    page.get_by_role("heading", name=f"Deletion {request_id}").wait_for()
    page.goto(f"{api}/#/deletions/req_unknown")
    page.get_by_role("alert").wait_for()


@pytest.mark.parametrize(
    ("family", "held"),
    [
        ("inbound", message_id(1)),
        ("pull", message_id(2)),
        ("linked", "msg_01HXYZ4QK3WJ8FN3M6QH7TZ8GZ"),
        ("channel", "17767116000000001"),
    ],
)
def test_what_a_message_holds_is_shown_as_text_and_never_as_markup(
    page: Page, api: str, family: str, held: str
) -> None:
    page.goto(f"{api}/#/messages?family={family}&state=live")
    page.get_by_role("button", name=held).click()
    record = page.get_by_role("region", name="The record")
    record.wait_for()
    # As JSON has it, quotes are escaped.
    assert re.search("<img.src=x.onerror=", record.inner_text())
    assert (
        page.evaluate("document.querySelectorAll('main img, dialog img, main script, dialog script').length")
        == 0
    )
    assert page.title() == "Messages · expunge"


def test_a_plan_is_made_carried_out_looked_up_and_undone(page: Page, api: str) -> None:
    page.goto(f"{api}/#/delete?call=deleteInboundMessages")
    page.get_by_label("status").fill("queued")
    page.get_by_role("button", name="Plan it").click()
    carry_out = page.get_by_role("button", name="Carry this plan out: 2 messages")
    carry_out.wait_for()
    assert page.evaluate("document.activeElement.textContent") == "Answer"
    carry_out.click()
    carry_out.wait_for(state="detached")
    page.get_by_role("link", name="Look at this deletion").click()

    page.get_by_role("button", name="Restore all 2").click()
    page.get_by_text("2 messages live again.").wait_for()
    page.get_by_role("listitem").filter(has_text="2restored").wait_for()
    assert page.get_by_role("button", name="Restore all").count() == 0


def test_what_happens_is_shown_as_it_happens_without_reloading(page: Page, api: str, browser: Any) -> None:
    page.goto(f"{api}/#/events")
    page.get_by_text("Listening.").wait_for()
    other = browser.new_page()
    reply = other.request.delete(
        f"{api}/v1/inbound-messages/01961e00-0000-7000-8000-000000000101",
        headers={"authorization": f"Bearer {API_KEY}"},
    )
    assert reply.status == 200
    request_id = reply.json()["meta"]["request_id"]
    other.close()
    row = page.get_by_role("row").filter(has_text=request_id)
    row.get_by_text("Messages Deleted").first.wait_for()


def test_everything_can_be_reached_by_keyboard(page: Page, api: str) -> None:
    page.goto(f"{api}/")
    page.get_by_role("heading", name="Overview").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.get_by_role("link", name="Messages", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Messages").wait_for()
    page.wait_for_function("document.activeElement.tagName === 'H1'")
    page.get_by_label("Inbound").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("location.hash.includes('family=pull')")
    page.wait_for_function("document.querySelector(\"[value='pull']\")?.checked")


def test_every_call_of_the_reference_is_made_by_one_click(page: Page, api: str) -> None:
    page.goto(f"{api}/docs")
    page.wait_for_selector("button.try")
    for number in range(page.locator("button.try").count()):
        button = page.locator("button.try").nth(number)
        button.click()
        answer = page.locator(".opblock").nth(number).locator(".live-responses-table tbody tr").first
        answer.wait_for()
        assert answer.locator("td").first.inner_text().startswith("200"), button.get_attribute("aria-label")
        page.wait_for_function(
            "(at) => { const { top, bottom } = document.querySelectorAll('.opblock')[at]"
            ".querySelector('.live-responses-table').getBoundingClientRect();"
            " return bottom > 0 && top < innerHeight; }",
            arg=number,
        )


def test_the_console_of_a_deployed_stack_asks_the_api_with_the_key_that_is_typed_in(
    page: Page, api: str
) -> None:
    with running("console", "--api", api, "--port", "0") as url:
        page.goto(url)
        page.get_by_text("Type an API key into the field at the top").wait_for()
        page.get_by_text("read from the table, which this console does not know").wait_for()
        page.get_by_text("events of a deployed stack go to its event bus, and cannot be shown").wait_for()
        assert page.get_by_role("navigation").get_by_role("link").all_inner_texts() == ["Deletions", "Delete"]
        page.get_by_label("API key").fill(API_KEY)
        page.get_by_label("API key").press("Enter")
        page.get_by_text("Of the account whose key is at the top, newest first.").wait_for()
        assert_readable(page, "a deployed stack's deletions")
        stored = page.evaluate(
            "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
        )
        assert API_KEY not in stored
        page.get_by_role("link", name="Delete", exact=True).click()
        page.get_by_label("status").fill("pending_retry")
        page.get_by_role("button", name="Plan it").click()
        page.get_by_role("region", name="The answer").get_by_text('"matched"').wait_for()
