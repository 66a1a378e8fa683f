"""What becomes of the one request to a provider: what is sent, and what each answer means."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from expunge import timestamps
from tests.layer.providers.asking import KEY, Configure, ask, told
from tests.upstream import Upstream, upstream


def test_the_request_is_the_providers_own_with_this_services_key(provider: Upstream) -> None:
    assert ask() is None

    [asked] = provider.asked
    assert asked.line == "DELETE /api/v1/messages/wamid%2E1 HTTP/1.1"
    assert asked.headers["X-API-KEY"] == KEY


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_means_that_the_message_is_gone_there(provider: Upstream, status: int) -> None:
    provider.says(status, None if status == 204 else {"type": "errors/account_restricted"})

    assert ask() is None


@pytest.mark.parametrize("named", ["errors/resource_not_found", "resource_not_found"])
def test_404_means_that_the_message_is_gone_there_if_the_provider_says_that_it_does_not_know_it(
    provider: Upstream, named: str
) -> None:
    provider.says(404, {"title": "Not found", "type": named, "status": 404})

    assert ask() is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"<!doctype html><title>404 Not Found</title>",
        b"resource_not_found",
        "resource_not_found",
        ["errors/resource_not_found"],
        {"message": "Not Found"},
        {"error": {"type": "errors/resource_not_found"}},
        {"type": "about:blank", "title": "Not Found", "status": 404},
        {"type": "https://provider.example/errors/resource_not_found"},
        {"type": "errors/errors/resource_not_found"},
        {"type": "errors/resource_not_found "},
        {"type": "Resource_Not_Found"},
        {"type": "errors/invalid_resource_identifier"},
        {"type": "errors/account_restricted"},
    ],
)
def test_any_other_404_may_come_from_a_wrong_address_and_is_a_providers_error(
    provider: Upstream, body: Any
) -> None:
    provider.says(404, body)

    assert told(ask()) == (500, "provider_error")


@pytest.mark.parametrize(
    ("answered", "given", "status", "title"),
    [
        (400, "errors/missing_credentials", 401, "Missing credentials"),
        (400, "missing_credentials", 401, "Missing credentials"),
        (503, "errors/account_restricted", 403, "Account restricted"),
        (401, "errors/invalid_resource_identifier", 404, "Invalid resource identifier"),
        (429, "errors/unexpected_error", 500, "Unexpected error"),
        (500, "no_channel", 503, "No channel"),
        (301, "errors/request_timeout", 504, "Request timeout"),
    ],
)
def test_a_type_of_the_catalogue_is_passed_on_with_the_catalogues_status_and_title_and_nothing_else_is(
    provider: Upstream, answered: int, given: str, status: int, title: str
) -> None:
    provider.says(answered, {"type": given, "title": "tell-tale", "detail": "tell-tale", "status": 1})

    problem = ask()

    assert problem is not None
    assert (problem.status, problem.title) == (status, title)
    assert problem.code == f"errors/{given.removeprefix('errors/')}"
    assert "tell-tale" not in problem.message


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        *[(status, (500, "provider_error")) for status in (101, 300, 304, 400, 401, 410, 500, 502, 504, 999)],
        (429, (503, "service_unavailable")),
        (503, (503, "service_unavailable")),
    ],
)
def test_any_other_answer_is_told_by_its_status(
    provider: Upstream, status: int, problem: tuple[int, str]
) -> None:
    provider.says(status)

    assert told(ask()) == problem


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"\xff\xfe\x00",
        b'{"type": "errors/account_restricted"',
        b"[" * 100_000,
        ["errors/account_restricted"],
        "errors/account_restricted",
        {"type": "errors/unheard_of"},
        {"type": "errors/errors/account_restricted"},
        {"type": "errors/account_restricted "},
        {"type": ["errors/account_restricted"]},
        {"type": None},
        {"error": {"type": "errors/account_restricted"}},
    ],
)
def test_what_names_no_type_of_the_catalogue_is_a_providers_error(provider: Upstream, body: Any) -> None:
    provider.says(400, body)

    assert told(ask()) == (500, "provider_error")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(provider: Upstream, status: int) -> None:
    with upstream() as elsewhere:
        provider.says(status, Location=f"{elsewhere.url}/api/v1/messages/wamid.1")

        assert told(ask()) == (500, "provider_error")

        assert elsewhere.asked == []
    assert len(provider.asked) == 1


NOW = datetime(2026, 5, 1, 12, 30, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("7", 7),
        (" 120 ", 120),
        ("0", 0),
        ("86400", 86_400),
        ("86401", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("9" * 5000, None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 99 Foo 1970 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
    ],
)
def test_how_long_a_busy_provider_wants_to_be_left_alone_is_passed_on_if_it_makes_sense(
    provider: Upstream, monkeypatch: pytest.MonkeyPatch, given: str, seconds: int | None
) -> None:
    monkeypatch.setattr(timestamps, "now", lambda: NOW)
    provider.says(503, Retry_After=given)

    problem = ask()

    assert told(problem) == (503, "service_unavailable")
    assert problem is not None
    assert problem.retry_after == seconds


@pytest.mark.parametrize(("status", "seconds"), [(429, 7), (503, 7), (500, None)])
def test_retry_after_is_for_a_busy_provider_only(
    provider: Upstream, status: int, seconds: int | None
) -> None:
    provider.says(status, Retry_After="7")

    problem = ask()

    assert problem is not None
    assert problem.retry_after == seconds


def test_a_provider_without_an_address_is_a_disconnected_feature(configure: Configure) -> None:
    configure("")

    assert told(ask()) == (401, "disconnected_feature")


@pytest.mark.parametrize(
    ("provider_message_id", "segment"),
    [
        ("urn:li:msg:(urn:li:member:1,2-B==)", "urn%3Ali%3Amsg%3A%28urn%3Ali%3Amember%3A1%2C2-B%3D%3D%29"),
        ("a/../b?c=d#e%2F", "a%2F%2E%2E%2Fb%3Fc%3Dd%23e%252F"),
        ("..", "%2E%2E"),
        (".", "%2E"),
    ],
)
def test_whatever_the_providers_id_it_is_one_segment_of_the_path(
    provider: Upstream, provider_message_id: str, segment: str
) -> None:
    assert ask(provider_message_id) is None
    assert provider.asked[0].line == f"DELETE /api/v1/messages/{segment} HTTP/1.1"


def test_a_base_url_may_have_a_path(provider: Upstream, configure: Configure) -> None:
    configure(f"{provider.url}/whatsapp/")

    assert ask() is None
    assert provider.asked[0].line == "DELETE /whatsapp/api/v1/messages/wamid%2E1 HTTP/1.1"


@pytest.mark.parametrize("status", [200, 401, 500])
def test_neither_the_key_nor_anything_that_the_provider_said_is_logged(
    provider: Upstream, status: int, logged: Callable[[], list[Any]]
) -> None:
    provider.says(status, {"type": "tell-tale", "detail": "tell-tale"}, X_Note="tell-tale")

    ask()

    written = json.dumps(logged())
    assert KEY not in written
    assert "tell-tale" not in written
