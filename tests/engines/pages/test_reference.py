"""The API's reference: every call can be made there, and axe finds nothing in what comes of it."""

import importlib

import pytest

from tests.engines.pages.showing import IN_A_BROWSER, Page, assert_readable, show_in

pytestmark = IN_A_BROWSER


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_in_the_reference_when_calls_were_made_and_keys_are_shown(
    page: Page, api: str, scheme: str, width: int
) -> None:
    show_in(page, scheme, width)
    page.goto(f"{api}/docs")
    # One with a choice among its parameters, one with a body, one with a long answer.
    for path in (
        "POST /v1/inbound-messages/delete-all",
        "POST /v1/inbound-messages/delete-batch",
        "GET /v1/deletions",
    ):
        page.get_by_role("button", name=f"Try {path}", exact=True).click()
        page.locator(".opblock.is-open .live-responses-table").last.wait_for()
    page.locator(".opblock .live-responses-table").nth(2).wait_for()
    assert_readable(page, "calls")
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_role("dialog", name="Available authorizations").wait_for()
    assert_readable(page, "keys")


def test_every_call_of_the_reference_is_made_by_one_click(page: Page, api: str) -> None:
    expect = importlib.import_module("playwright.sync_api").expect
    page.goto(f"{api}/docs")
    page.wait_for_selector("button.try")
    for number in range(page.locator("button.try").count()):
        button = page.locator("button.try").nth(number)
        button.click()
        answer = page.locator(".opblock").nth(number).locator(".live-responses-table tbody tr").first
        answer.wait_for()
        assert answer.locator("td").first.inner_text().startswith("200"), button.get_attribute("aria-label")
        table = page.locator(".opblock").nth(number).locator(".live-responses-table").first
        expect(table).to_be_in_viewport(timeout=30_000)
