"""axe finds nothing in the pages, whatever is shown in them, and nothing is wider than the screen."""

import pytest

from tests.engines.pages.showing import IN_A_BROWSER, Page, assert_readable, show_in

pytestmark = IN_A_BROWSER

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    page: Page, api: str, scheme: str, width: int
) -> None:
    show_in(page, scheme, width)
    for path in PAGES:
        page.goto("about:blank")
        page.goto(api + path)
        page.wait_for_selector("h1:focus, main h1, button.try")
        assert_readable(page, path)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_in_answers_dialogs_and_what_happens(
    page: Page, api: str, scheme: str, width: int
) -> None:
    show_in(page, scheme, width)
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
