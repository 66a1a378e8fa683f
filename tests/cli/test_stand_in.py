"""Providers and their keys, as the functions find them on one machine."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cli import demo
from cli.stand_in import environment
from tests.cli.serving import fetch, serving
from tests.upstream import upstream

MESSAGE = "/v1/messages/msg_01HXYZ4QK3WJ8FN3M6QH7TZ8GR"
KEY = {"X-API-KEY": demo.API_KEY}


@pytest.mark.slow
def test_of_six_requests_at_once_one_asks_the_provider_of_ones_own() -> None:
    with upstream() as provider, serving("--provider-url", provider.url) as served:
        with ThreadPoolExecutor(6) as clients:
            alias = [f"{served.url}{MESSAGE}", f"{served.url}/api{MESSAGE}"] * 3
            replies = list(clients.map(lambda url: fetch("DELETE", url, KEY), alias))
        after = fetch("DELETE", f"{served.url}{MESSAGE}", KEY)

    others = {(status, body.get("type")) for status, body in replies if status != 200}
    assert [body for status, body in replies if status == 200] == [{"object": "MessageDeleted"}]
    assert others <= {(404, "errors/resource_not_found"), (503, "errors/service_unavailable")}
    assert (after[0], after[1]["type"]) == (404, "errors/resource_not_found")
    [asked] = provider.asked
    assert asked.line.startswith("DELETE /api/v1/messages/wamid%2E")
    assert asked.headers["X-API-KEY"] == "expunge"


@pytest.mark.slow
def test_without_one_a_stand_in_says_yes_also_over_another_dynamodb(tmp_path: Path) -> None:
    late = tmp_path / "late.jsonl"
    late.write_text(
        '{"kind":"linked_account","account_id":"acc_demo","id":"la_1","provider":"LINKEDIN"}\n'
        '{"kind":"linked_message","account_id":"acc_demo","id":"msg_00000000000000000000000001",'
        '"linked_account_id":"la_1","provider_message_id":"1","sent_at":"2099-01-01T00:00:00Z"}\n'
    )
    with serving("--load", str(late)) as first:
        url = re.findall(r"DynamoDB listens on (\S+)", "".join(first.greeting))[0]
        with serving("--dynamodb-url", url) as second:
            replies = [
                fetch("DELETE", f"{second.url}{path}", KEY)
                for path in (MESSAGE, "/v1/messages/msg_00000000000000000000000001")
            ]
    assert replies == [(200, {"object": "MessageDeleted"})] * 2


@pytest.mark.slow
def test_functions_go_to_the_stand_in_directly_whatever_proxy_is_set() -> None:
    stand_in = "http://127.0.0.1:3000/_outside"
    assert environment("http://127.0.0.1:3000", None, {"NO_PROXY": "example.com"}) == {
        "AWS_ENDPOINT_URL_SSM": f"{stand_in}/parameters",
        "AWS_ENDPOINT_URL_EVENTBRIDGE": f"{stand_in}/events",
        "WHATSAPP_BASE_URL": f"{stand_in}/provider",
        "LINKEDIN_BASE_URL": f"{stand_in}/provider",
        "NO_PROXY": "example.com,127.0.0.1",
        "no_proxy": "example.com,127.0.0.1",
    }
    upstream_url = environment("http://127.0.0.1:3000", "https://example.com", {})
    assert upstream_url["LINKEDIN_BASE_URL"] == "https://example.com"
    assert upstream_url["NO_PROXY"] == "127.0.0.1"
