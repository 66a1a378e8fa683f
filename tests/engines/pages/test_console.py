"""The console in a real browser: it does what it says, and shows content as text."""

import re
from typing import Any

import pytest

from cli.demo import API_KEY
from tests.engines.pages.showing import IN_A_BROWSER, Page, assert_readable, running
from tests.world import message_id

pytestmark = IN_A_BROWSER


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
    page.locator("h1:focus").wait_for()
    page.get_by_label("Inbound").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("family=pull"))
    page.locator("[value='pull']:checked").wait_for(state="attached")


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
