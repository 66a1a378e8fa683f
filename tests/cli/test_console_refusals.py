"""Whom the console refuses, and what it gives to nobody."""

import pytest

from cli.console.application import About, Console
from tests.cli.browsing import HOST, api, ask
from tests.world import World

PATHS = ("/", "/docs", "/openapi.json", "/assets/console.js", "/console/about", "/console/overview")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "console.example:3000"},
        HOST | {"origin": "https://page.example"},
        HOST | {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
        HOST | {"sec-fetch-site": "same-site"},
    ],
)
def test_a_page_from_elsewhere_is_refused(console: Console, path: str, headers: dict[str, str]) -> None:
    assert ask(console, path, headers=headers).status == 403


def test_a_link_from_elsewhere_leads_to_the_pages_and_not_to_what_they_read(console: Console) -> None:
    followed = HOST | {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    }
    assert [ask(console, path, headers=followed).status for path in PATHS] == [200, 200, 200, 403, 403, 403]


def test_the_policy_allows_no_foreign_no_inline_and_no_framing(console: Console) -> None:
    for path in PATHS:
        answer = ask(console, path)
        directives = dict(
            each.strip().partition(" ")[::2] for each in answer.headers["content-security-policy"].split(";")
        )
        assert directives["default-src"] == "'none'"
        assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"
        assert directives["frame-ancestors"] == "'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
    assert "require-trusted-types-for 'script'" in ask(console, "/").headers["content-security-policy"]


def test_without_the_table_nothing_of_it_is_answered_and_the_api_stays_behind(world: World) -> None:
    del world
    console = Console(api, About(api="https://api.example", deployed=True), None)
    assert ask(console, "/console/overview").status == 404
    about = ask(console, "/console/about").json
    assert (about["table"], about["api_key"], about["deployed"]) == (False, None, True)
    assert ask(console, "/v1/deletions").json == {"message": "the API"}
    assert ask(console, "/assets/../application.py").status == 404
